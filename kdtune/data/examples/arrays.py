"""Data sets of arrays that a program holds in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdtune.data.checks import check_crop
from kdtune.data.dataset import Dataset
from kdtune.data.examples.assemble import TEST, TRAIN, VALIDATION, Cuts, Inputs, assemble
from kdtune.data.examples.inputs import Numbers, Pixels, Texts, channels_first
from kdtune.data.given import (
    check_finite,
    class_names,
    listed_texts,
    plain_value,
    tensor_of,
    values_of,
)
from kdtune.data.groups import Rare
from kdtune.data.options import OPTIONS_OF_INPUTS, check_options_of_inputs, check_options_of_program
from kdtune.data.tables.files.form import OF_PROGRAMS
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.data.texts.tokenizer import preparation_of
from kdtune.errors import DataError
from kdtune.order import check_same_order
from kdtune.torch_defaults import torch_defaults

LABEL = "label"

_INPUTS = "give numbers [n, features], images [n, h, w, c], or a list of texts"

_OPTIONS_OF_INPUTS: Mapping[str, Mapping[str, Any]] = {
    **OPTIONS_OF_INPUTS,
    "images": {"crop": None, "flip": False},
}

_FEWEST_STEPS = 16
"""A standard deviation of fewer steps of a 32-bit number is mostly lost to rounding."""


@torch_defaults()
def from_arrays(
    x: Any,
    y: Any,
    groups: Mapping[str, Any] | None = None,
    *,
    classes: Sequence[str] | None = None,
    positive: Any = None,
    sensitive: str | Sequence[str] | None = None,
    bins: Mapping[str, Sequence[float]] | None = None,
    min_group: int = 10,
    rare: Rare = "error",
    validation: float | Sequence[Any] = 0.2,
    test: float | Sequence[Any] = 0.2,
    tokenizer: str | Path | None = None,
    length: int = 128,
    vocabulary: int = 30522,
    crop: int | None = None,
    flip: bool = False,
    seed: int = 0,
    name: str = "arrays",
) -> Dataset:
    """Return a data set of examples in memory; hand it to `kdtune.search(space, data=…)`.

    Args:
        x: images uint8 [n, h, w], [n, h, w, c] or [n, c, h, w]; numbers [n, features], which are standardised by the
            training rows; or n texts.
        y: n class names or numbers.
        groups: sensitive attribute -> n values; None, NaN and empty texts belong to no group. "NA" and "None" are texts
            like any other.
        classes: their names in order; where `y` are whole numbers, number k means the k-th.
        positive: of two classes, the one that counts as positive; default: the second.
        sensitive: which attributes, and intersections of them (`sex*race`), are the groups; default: all of `groups`.
        bins: attribute of numbers -> ascending edges.
        min_group: the fewest examples that a group may have in validation, and that a rate may be out of by which a
            search decides.
        rare: what becomes of smaller groups: `error`, `missing` or `other`.
        validation, test: a share, cut by seed and stratified by class and groups, or (x, y) or (x, y, groups).
        tokenizer: for texts: a folder with a tokenizer.json, or that file; without it, words are hashed.
        length: for texts: tokens of one; longer texts are cut off.
        vocabulary: for texts without a tokenizer: number of ids to which words are hashed.
        crop: for images: padding in pixels for random crops; default: 4 up to 64 pixels, a sixteenth of the side above.
        flip: for images: mirror them at random.
        seed: the same seed cuts the same splits.
        name: of the data set.

    Raises:
        DataError: something does not fit together; the message names it and the remedy.
    """
    options = check_options_of_program(
        name if isinstance(name, str) else "from_arrays",
        {
            "name": name,
            "classes": classes,
            "positive": positive,
            "sensitive": sensitive,
            "bins": bins,
            "min_group": min_group,
            "rare": rare,
            "tokenizer": tokenizer,
            "length": length,
            "vocabulary": vocabulary,
            "crop": crop,
            "flip": flip,
            "seed": seed,
        },
    )
    classes = (
        None if classes is None else [str(item).strip() for item in options["classes"]]
    )  # as labels are read
    given = {TRAIN: _aligned(name, TRAIN, x, y, groups, classes)}
    x, y, groups = given[TRAIN]
    validation, test = plain_value(validation), plain_value(test)
    for part, asked in ((VALIDATION, validation), (TEST, test)):
        if isinstance(asked, float | int):
            _check_share(name, part, asked)
        else:
            given[part] = _aligned(name, part, *_part(part, asked, bool(groups)), classes)
    lengths = {part: len(labels) for part, (_, labels, _) in given.items()}
    for part, (inputs, labels, columns) in given.items():
        for what, values in {"x": inputs, **{f"groups[{key!r}]": v for key, v in columns.items()}}.items():
            if len(values) != len(labels):
                raise DataError(f"{name}, {part}: {what} has {len(values)} examples, but y has {len(labels)}")
        if set(columns) != set(groups):
            raise DataError(
                f"{name}, {part}: groups are of {', '.join(columns) or 'nothing'}, but those of x, y are of "
                f"{', '.join(groups) or 'nothing'}"
            )
    kind = "texts" if isinstance(x, list) else "numbers" if x.dim() == 2 else "images"
    check_options_of_inputs(name, kind, options, _OPTIONS_OF_INPUTS)
    preparation = None
    if isinstance(x, list):
        preparation = preparation_of(*(options[key] for key in ("tokenizer", "length", "vocabulary")))
    inputs = _inputs(
        name, [part[0] for part in given.values()], preparation, options["crop"], options["flip"]
    )
    labels = [label for part in given.values() for label in part[1]]
    columns = {key: [value for part in given.values() for value in part[2][key]] for key in groups}
    if LABEL in columns:
        raise DataError(f"{name}: groups have an attribute called {LABEL!r}: give it another name")
    parts = None
    if len(given) > 1:
        parts = [part for part, n in lengths.items() for _ in range(n)]
    return assemble(
        name,
        name,
        _table({LABEL: labels, **columns}),
        inputs,
        Cuts(
            LABEL,
            sensitive=list(groups) if sensitive is None else options["sensitive"],
            bins=options["bins"] or {},
            **{key: options[key] for key in ("positive", "min_group", "rare", "seed")},
            test=test if isinstance(test, float) else 0.2,
            validation=validation if isinstance(validation, float) else 0.2,
        ),
        parts=parts,
        classes=classes,
        too_many="; if they are classes, name them: classes=[…]",
    )


def _check_share(name: str, part: str, asked: float) -> None:
    if not 0 < asked < 1:
        raise DataError(f"{name}: {part} is {asked}: a share is between 0 and 1, such as 0.2")


def _aligned(
    name: str, part: str, x: Any, y: Any, groups: Any, classes: Sequence[str] | None
) -> tuple[Any, Any, dict[str, Any]]:
    """Return x as a tensor or texts, and names of classes and groups as lists: they have positions only.

    Raises:
        DataError: what pandas would match by its index is in another order, or something has no plain values.
    """
    if hasattr(groups, "columns"):
        names = getattr(groups, "column_names", groups.columns)  # pyarrow calls them so
        groups = {column: groups[column] for column in names}
    if not isinstance(groups, Mapping | None):
        raise DataError(
            f"{name}, {part}: groups are a {type(groups).__name__}: give a dict of attribute -> values"
        )
    for key in groups or {}:
        if not isinstance(plain_value(key), str | int | float):
            raise DataError(
                f"{name}, {part}: groups have an attribute called {key!r}: give it a text as its name"
            )
    columns = {f"groups[{key!r}]": values for key, values in (groups or {}).items()}
    check_same_order(f"{name}, {part}", {"x": x, "y": y, **columns})
    try:
        inputs: list[str] | Tensor | None = listed_texts(x)
        if inputs is None:
            inputs = tensor_of(x, _INPUTS)
            if inputs.dim() == 2:
                check_finite(inputs)
        labels = class_names(values_of("y", y), classes)
        listed = [values_of(what, values) for what, values in columns.items()]
    except DataError as error:
        raise DataError(f"{name}, {part}: {error}") from None
    if not labels or not len(inputs):
        raise DataError(f"{name}, {part}: there is no example in it")
    return inputs, labels, dict(zip(map(str, groups or {}), listed, strict=True))


def _part(part: str, asked: Any, with_groups: bool) -> tuple[Any, Any, Mapping[str, Any]]:
    if not isinstance(asked, tuple | list) or len(asked) not in (2, 3):
        form = "(x, y, groups)" if with_groups else "(x, y)"
        raise DataError(f"{part} is neither a share, such as 0.2, nor {form}")
    return asked[0], asked[1], asked[2] if len(asked) == 3 else {}


def _inputs(
    name: str, parts: Sequence[Any], preparation: dict[str, Any] | None, crop: int | None, flip: bool
) -> Inputs:
    if len({isinstance(part, list) for part in parts}) > 1:
        raise DataError(f"{name}: x are texts in one part and numbers in another")
    if preparation is not None:
        return Texts([text for part in parts for text in part], preparation)
    try:
        joined = torch.cat(list(parts))
    except (TypeError, RuntimeError) as error:
        raise DataError(f"{name}: x of the parts do not fit together ({error})") from None
    if joined.dim() == 2:
        if not joined.shape[1]:
            raise DataError(f"{name}: x has no features")
        return Numbers(_single(name, joined))
    if joined.dim() in (3, 4):
        images = channels_first(name, joined)
        if crop is not None:
            check_crop(name, crop, images.shape)
        return Pixels(images, crop, flip)
    raise DataError(
        f"{name}: x has shape {list(joined.shape)}: give [n, features], or images [n, h, w] or [n, c, h, w]"
    )


def _single(name: str, rows: Tensor) -> Tensor:
    """Return float32 numbers.

    Raises:
        DataError: those of a feature are so close together that they become equal.
    """
    single = rows.float()
    exact = rows.double()
    deviation, step = exact.std(dim=0, correction=0), exact.abs().amax(dim=0) * 2.0**-24
    lost = (deviation > 0) & (deviation < _FEWEST_STEPS * step)
    if lost.any():
        column = int(lost.nonzero()[0, 0])
        raise DataError(
            f"{name}: x[:, {column}] has values near {float(exact[:, column].mean()):g}, too close together for 32-bit "
            "numbers: subtract a constant from them"
        )
    return single


def _table(columns: Mapping[str, Sequence[Any]]) -> Any:
    import pandas as pd

    frame = pd.DataFrame({key: pd.Series(list(values), dtype=object) for key, values in columns.items()})
    return table_of_frame(frame, OF_PROGRAMS)
