"""Data sets by name: `load` finds the loader, checks its options, and calls it."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, get_type_hints

from pydantic.errors import PydanticUserError

from kdtune.data.checks import Expected, check_dataset
from kdtune.data.copies import copies_of_tensors
from kdtune.data.dataset import Dataset, Split
from kdtune.data.options import against, check_effect
from kdtune.errors import DataError, did_you_mean
from kdtune.registry import Registry, is_of_kdtune
from kdtune.torch_defaults import torch_defaults
from kdtune.user_code import own_code, told

Loader = Callable[..., Dataset]

datasets: Registry[Loader] = Registry("data set", group="kdtune.datasets", of_functions=True)
"""Loaders by name; installed packages add to it through the entry-point group `kdtune.datasets`."""

register_dataset = datasets.register
"""Decorator: `@register_dataset("mine")` registers a loader, a function of keyword options that returns a
`Dataset`."""


def names() -> list[str]:
    """Return the names of the known data sets, sorted."""
    return list(datasets)


def default_option(name: str, option: str) -> Any:
    """Return the default of a loader's option; None where it has no such option."""
    parameter = inspect.signature(datasets.get(name)).parameters.get(option) if name in datasets else None
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


@torch_defaults()
def load(name: str, **options: Any) -> Dataset:
    """Load the data set `name` with the options of its loader.

    What a loader returns is checked, and so is its test split when it is opened.

    Raises:
        UnknownNameError: there is no such data set.
        DataError: an option is unknown or of the wrong type, or the data cannot be used.
    """
    check_options(name, options)
    loader = datasets.get(name)
    with _run(loader, f"data set {name!r}: its loader failed"):
        try:
            made = loader(**options)
        except MemoryError as error:
            raise DataError(
                f"data set {name!r}: does not fit into memory ({told(error)}): ask for less of it"
            ) from error
    dataset = check_dataset(name, made)
    if not is_of_kdtune(loader) and dataset.train.file is None and dataset.validation.file is None:
        copies = copies_of_tensors(dataset.train.inputs, dataset.validation.inputs)
        dataset = replace(dataset, notes=(*dataset.notes, *copies))
    form = Expected.of(f"data set {name!r}", dataset)
    if dataset.min_group is None:
        asked = options.get("min_group", default_option(name, "min_group"))
        dataset = replace(dataset, min_group=asked if isinstance(asked, int) else None)
    return replace(dataset, open_test=partial(_checked_test, dataset.open_test, form))


def _checked_test(open_test: Callable[[], Split], form: Expected) -> Split:
    with _run(open_test, f"{form.source}: opening its test split failed"):
        split = open_test()
    return form.check("test", split)


def _run(function: Callable[..., Any], what: str) -> AbstractContextManager[None]:
    """Return a block for calling a loader's function: what kdtune's own raises is our fault, and not to be hidden."""
    inner = function.func if isinstance(function, partial) else function
    return nullcontext() if is_of_kdtune(inner) else own_code(what, DataError)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Check the options of a data set against its loader's signature, without loading anything.

    Types are checked strictly where they are annotated: `"32"` is not a number, `true` is not 1; an integer
    is accepted for a float. A loader with `**kwargs` takes any name.

    Raises:
        UnknownNameError: there is no such data set.
        DataError: an option is unknown, missing, of the wrong type, or has no effect without another one; the message
            says what to do.
    """
    loader = datasets.get(name)
    parameters = inspect.signature(loader).parameters
    hints = _hints(loader)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = [key for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for key, value in options.items():
        if key not in known and not takes_any:
            near = did_you_mean(key, known)
            raise DataError(f"data set {name!r} has no option {key!r}{near} (options: {', '.join(known)})")
        if key in hints and key in known:
            _check_type(name, key, value, hints[key])
    for key in known:
        if key not in options and parameters[key].default is inspect.Parameter.empty:
            raise DataError(f"data set {name!r} needs the option {key!r}")
    if is_of_kdtune(loader):  # what others mean by an option of the same name is not ours to know
        usual = {
            key: parameters[key].default
            for key in known
            if parameters[key].default is not parameters[key].empty
        }
        check_effect(f"data set {name!r}", options, usual)


def _hints(loader: Loader) -> dict[str, Any]:
    """Return the types of a loader's options; none if its annotations name something that is not imported."""
    try:
        return get_type_hints(loader, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def _check_type(name: str, key: str, value: object, hint: Any) -> None:
    try:
        reasons = against(value, hint)
    except PydanticUserError:  # a type of the user's own that pydantic can't check
        return
    if reasons:
        raise DataError(f"data set {name!r}, option {key!r} = {value!r}: {', or '.join(reasons)}")
