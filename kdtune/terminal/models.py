"""The models that a pair may name, as text or JSON: kdtune's own, the user's, and those of other libraries."""

import json
from collections.abc import Sequence
from typing import Any

from kdtune.errors import InputError
from kdtune.output import narrate, print_data
from kdtune.text import byte_size, plain

_OWN = "kdtune"


def print_models(words: Sequence[str], *, as_json: bool) -> None:
    """Print the names that all words occur in, a family being a word too; of a single whole name, what it is.

    Raises:
        InputError: no name has these words.
    """
    from kdtune.models.families.find import is_of_library

    if len(words) == 1 and is_of_library(words[0]):
        described = _described(words[0])
        print_data(json.dumps(described, indent=1) if as_json else _as_text(described))
        return
    families, missing = _families()
    found = {
        family: [name for name in names if _has(family, name, words)] for family, names in families.items()
    }
    found = {family: names for family, names in found.items() if names}
    if not found and not (missing and not words):
        hint = "".join(f"; {line}" for line in missing)
        raise InputError(
            f"no model has {' and '.join(map(repr, words))} in its name: 'kdtune models' lists all{hint}"
        )
    if as_json:
        print_data(json.dumps(found, indent=1))
        return
    for family, names in found.items():
        print_data(f"{family} ({len(names):,})")
        for name in names:
            print_data(f"  {plain(name)}")
    for line in missing:
        print_data(line)
    if not words:
        narrate(
            "a teacher may also be several of these, as in resnet20+resnet56, or logits in a file: teacher.logits"
        )


def _has(family: str, name: str, words: Sequence[str]) -> bool:
    return all(
        word.lower() in family if word.lower() == family else word.lower() in name.lower() for word in words
    )


def _families() -> tuple[dict[str, list[str]], list[str]]:
    """Return names by family, and a line for each family whose package is not installed."""
    from kdtune import models
    from kdtune.models.families.library_model import FAMILIES, family_of
    from kdtune.models.families.packages import package_of

    found, missing = {_OWN: models.names()}, []
    for prefix in FAMILIES:
        family = family_of(prefix)
        try:
            package_of(family, "")
        except InputError:
            missing.append(f"{prefix}: not installed: pip install 'kdtune[{family.extra}]'")
        else:
            found[prefix] = [f"{prefix}:{name}" for name in family.names()]
    return found, missing


def _described(name: str) -> dict[str, Any]:
    """Return what is known of a library's model: its size for ten classes, and what its own weights read."""
    import torch

    from kdtune.models.families.find import library_model
    from kdtune.models.families.library_model import family_of

    model = library_model(name)
    family = family_of(model.family)
    shape = family.usual_shape(model)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = model(shape, _CLASSES)
    except NotImplementedError:  # it reads back what it initialises its weights with
        network = model(shape, _CLASSES)
    tensors = list(network.state_dict().values())
    return {
        "name": name,
        "reads": family.inputs,
        "input_shape": list(shape),
        "classes": _CLASSES,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "bytes": sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        "package": f"{family.package} {model.version}",
    }


_CLASSES = 10


def _as_text(described: dict[str, Any]) -> str:
    shape = "x".join(map(str, described["input_shape"]))
    what = "tokens x vocabulary" if described["reads"] == "text" else "channels x height x width"
    return "\n".join(
        [
            plain(described["name"]),
            f"  reads          {described['reads']}, {shape} ({what}) where it is pretrained",
            f"  parameters     {described['parameters']:,} with {described['classes']} classes",
            f"  size on disk   {byte_size(described['bytes'])}",
            f"  package        {described['package']}",
        ]
    )
