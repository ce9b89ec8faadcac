"""A data set as a folder of tensors: what a run keeps of data that a program handed to it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from kdtune.data.checks import check_dataset
from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.ids import ids_of_tensor, tensor_of_ids
from kdtune.data.registry import register_dataset
from kdtune.errors import DataError, RunError
from kdtune.files import LARGEST_WEIGHTS, read_json, read_regular, replace_folder, write_json
from kdtune.torch_defaults import torch_defaults
from kdtune.user_code import kind_of

FORM = 1
DESCRIPTION = "data.json"
_GROUPS = "groups of "


@torch_defaults()
def save(dataset: Dataset, folder: str | Path) -> Path:
    """Write a data set into a new folder, from which the data set `saved` reads it; return the folder.

    The test split is copied as it is.

    Raises:
        DataError: it is not a data set, or something in it is wrong.
    """
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"data: {kind_of(dataset)} is not a kdtune.data.Dataset: make one of it with kdtune.data.from_arrays, "
            "from_dataframe, from_torch or from_hf"
        )
    checked = check_dataset(dataset.name, dataset)
    target = Path(folder).expanduser().absolute()
    normalisation = checked.normalisation
    with replace_folder(target, overwrite=False) as aside:
        splits: dict[str, Callable[[], Split]] = {
            "train": lambda: checked.train,
            "validation": lambda: checked.validation,
            "test": checked.open_test,
        }
        for name, split in splits.items():
            (aside / f"{name}.safetensors").write_bytes(safetensors.torch.save(_tensors(split())))
        write_json(
            aside / DESCRIPTION,
            {
                "form": FORM,
                "name": checked.name,
                "classes": list(checked.classes),
                "attributes": {key: list(groups) for key, groups in checked.attributes.items()},
                "normalisation": None
                if normalisation is None
                else [list(normalisation.mean), list(normalisation.std)],
                "augmentation": vars(checked.augmentation),
                "preprocessing": checked.preprocessing,
                "fingerprint": checked.fingerprint,
                "content": fingerprint(
                    checked.train, checked.validation, checked.classes, checked.attributes
                ),
                "ids": _digest_of_ids(checked.train, checked.validation),
                "vocabulary": checked.vocabulary,
                "notes": list(checked.notes),
                "targets": checked.targets,
                "min_group": checked.min_group,
            },
        )
    return target


@register_dataset("saved")
def load_saved(*, path: str | Path) -> Dataset:
    """Read a data set that `kdtune.data.save` wrote, or that a run keeps: `kdtune.search(space, data=…)`.

    Args:
        path: the folder.

    Raises:
        DataError: it is missing or damaged.
    """
    folder = Path(path).expanduser()
    try:
        record = read_json(folder / DESCRIPTION)
    except RunError as error:
        raise DataError(f"{error}: a data set that kdtune saved has a {DESCRIPTION}") from None
    try:
        return _dataset(folder, record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{folder / DESCRIPTION}: damaged ({error!r})") from None


def _dataset(folder: Path, record: Mapping[str, Any]) -> Dataset:
    if record["form"] != FORM:
        raise DataError(f"{folder}: written by another kdtune (form {record['form']!r}): save it again")
    classes = tuple(map(str, record["classes"]))
    attributes = {str(key): tuple(map(str, groups)) for key, groups in record["attributes"].items()}
    train, validation = _split(folder, "train"), _split(folder, "validation")
    found = fingerprint(train, validation, classes, attributes)
    ids = _digest_of_ids(train, validation)
    if found != record["content"] or record.get("ids", ids) != ids:
        raise DataError(f"{folder}: damaged: its examples are not those that were saved")
    normalisation = record["normalisation"]
    return Dataset(
        name=str(record["name"]),
        classes=classes,
        attributes=attributes,
        train=train,
        validation=validation,
        normalisation=None
        if normalisation is None
        else Normalisation(*(tuple(map(float, n)) for n in normalisation)),
        augmentation=Augmentation(int(record["augmentation"]["crop"]), bool(record["augmentation"]["flip"])),
        preprocessing=dict(record["preprocessing"]),
        fingerprint=str(record["fingerprint"]),
        open_test=partial(_split, folder, "test"),
        vocabulary=None if record["vocabulary"] is None else int(record["vocabulary"]),
        notes=tuple(map(str, record["notes"])),
        targets=record.get("targets"),
        min_group=None if record.get("min_group") is None else int(record["min_group"]),
    )


def _digest_of_ids(*splits: Split) -> str:
    return hashlib.sha256(json.dumps([split.ids for split in splits]).encode()).hexdigest()


def _tensors(split: Split) -> dict[str, Tensor]:
    tensors = {"inputs": split.inputs, "labels": split.labels}
    tensors |= {f"{_GROUPS}{name}": codes for name, codes in split.groups.items()}
    if split.rows is not None:
        tensors["rows"] = split.rows
    if split.ids is not None:
        tensors["ids"] = tensor_of_ids(split.ids)
    return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}


def _split(folder: Path, name: str) -> Split:
    path = folder / f"{name}.safetensors"
    try:
        tensors = safetensors.torch.load(read_regular(path, limit=LARGEST_WEIGHTS))
        groups = {key.removeprefix(_GROUPS): t for key, t in tensors.items() if key.startswith(_GROUPS)}
        ids = None if "ids" not in tensors else ids_of_tensor(tensors["ids"])
        return Split(tensors["inputs"], tensors["labels"], groups, rows=tensors.get("rows"), ids=ids)
    except OSError as error:
        raise DataError(f"{path}: not readable ({error.strerror})") from None
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error})") from None
