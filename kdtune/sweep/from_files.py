"""Models from files of the user's own: how they are to be read on these data, and whether they know them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import yaml

from kdtune import models
from kdtune.data.dataset import Dataset
from kdtune.data.texts.tokenizer import is_same_tokenizer, tokenizer_preparation
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.training import initial_model
from kdtune.distill.weights.library import library_weights
from kdtune.distill.weights.pretrained import load_weights
from kdtune.distill.weights.source import Weights
from kdtune.errors import DataError, InputError, did_you_mean
from kdtune.models.families.find import is_of_library, library_model
from kdtune.space.files import FromFile, TeacherSpec
from kdtune.space.reading import Space

_SAMPLE = 500
"""Validation examples on which a model is tried before anything is trained: seconds, even for a large one."""

_FEW = 100
"""Of these examples, each of the usual normalisations is tried on so many."""

_MOST_NAMES = 20
"""Classes that a message lists."""

_USUAL = {
    "mean: 0, std: 1": ([0.0], [1.0]),
    "mean: 0.5, std: 0.5": ([0.5], [0.5]),
    "mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616]": (
        [0.4914, 0.4822, 0.4465],
        [0.2470, 0.2435, 0.2616],
    ),
    "mean: 0, std: 0.00392157": ([0.0], [1 / 255]),
}
"""Normalisations of images that training scripts use, as YAML."""


def weights_of(space: Space, role: str, architecture: str, dataset: Dataset) -> Weights | None:
    """Return the file that a model is taken from or begins from, and how it is to be read; None where it has none.

    Args:
        role: `teacher`, or `nds` for students.

    Raises:
        InputError: there is no such file, the library has none, or the data have other classes or channels.
    """
    name, section = _section(space, role)
    if section.is_pretrained(architecture):
        return _of_library(name, section, architecture, dataset)
    file = section.file(architecture)
    if file is None:
        return None
    order = None if section.classes is None else class_order(name, section.classes, dataset.classes)
    if not isinstance(section, TeacherSpec) or section.normalisation is None:
        return Weights.of(file, order=order)
    if dataset.normalisation is None:
        raise InputError(f"{name}.normalisation is of images, and the data are none: leave it out")
    channels = dataset.input_shape[0]
    lists = {}
    for key, values in (("mean", section.normalisation.mean), ("std", section.normalisation.std)):
        if len(values) not in (1, channels):
            raise InputError(
                f"{name}.normalisation.{key} has {len(values)} numbers, and the images have {channels} channels"
            )
        lists[key] = values if len(values) == channels else values * channels
    return Weights.of(file, order=order, mean=lists["mean"], std=lists["std"])


def _of_library(section: str, asked: FromFile, architecture: str, dataset: Dataset) -> Weights:
    new_classifier = not isinstance(asked, TeacherSpec) or asked.finetune
    _check_tokenizer(architecture, dataset)
    weights, classes = library_weights(
        architecture, dataset.input_shape, dataset.n_classes, new_classifier=new_classifier
    )
    if new_classifier:
        return weights
    if asked.classes is not None:
        return replace(weights, order=tuple(class_order(section, asked.classes, dataset.classes)))
    if classes is not None and set(classes) == set(dataset.classes):
        return replace(weights, order=tuple(class_order(section, classes, dataset.classes)))
    return weights


def _check_tokenizer(architecture: str, dataset: Dataset) -> None:
    """Refuse pretrained weights that were trained on other token ids than those of the data.

    Raises:
        InputError: the model's folder has another tokenizer; the message names both remedies.
    """
    if dataset.vocabulary is None or not is_of_library(architecture):
        return
    model = library_model(architecture)
    source = model.source or model.name
    if dataset.preprocessing.get("tokenizer") is None:
        raise InputError(
            f"model {architecture!r} is pretrained on the ids of its own tokenizer, and the data's words are hashed: "
            f"set dataset.tokenizer to {source}"
        )
    try:
        own = tokenizer_preparation(source, int(dataset.preprocessing["length"]))
    except DataError as error:
        raise InputError(
            f"model {architecture!r} is pretrained on the ids of its own tokenizer, and whether the data are encoded "
            f"with that can't be known: {error}"
        ) from None
    if not is_same_tokenizer(own, dataset.preprocessing):
        raise InputError(
            f"model {architecture!r} is pretrained on the ids of its own tokenizer, and the data are encoded with "
            f"another: set dataset.tokenizer to {source}. Teacher and student read the same ids: of two with different "
            "tokenizers one must be untrained (leave it out of `pretrained`), or the teacher's logits come from a file "
            "(teacher.logits)"
        )


def _section(space: Space, role: str) -> tuple[str, FromFile]:
    return ("teacher", space.teacher) if role == "teacher" else ("student", space.student)


def class_order(section: str, names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Return, for each class of the data, the output of the file that means it.

    Raises:
        InputError: the names are not those of the data's classes, each once.
    """
    for name in names:
        if name not in classes:
            raise InputError(
                f"{section}.classes: {name!r} is no class of the data{did_you_mean(name, classes)} "
                f"(classes: {', '.join(classes)})"
            )
        if names.count(name) > 1:
            raise InputError(f"{section}.classes: {name!r} is listed {names.count(name)} times")
    missing = [name for name in classes if name not in names]
    if missing:
        raise InputError(f"{section}.classes: {missing[0]!r} is missing: list all {len(classes)} classes")
    return [names.index(name) for name in classes]


def check_fit(architecture: str, weights: Weights, dataset: Dataset) -> None:
    """Raise InputError where a file's weights do not fit a model of this name on these data."""
    shape = weights.shape or dataset.input_shape
    model = models.build(architecture, input_shape=shape, n_classes=dataset.n_classes)
    load_weights(model, weights, architecture)


def check_knows(space: Space, role: str, job: Job, dataset: Dataset, say: Callable[[str], None]) -> None:
    """Say how many validation examples a model from a file gets right, before anything is trained.

    Raises:
        InputError: no more than by saying the most frequent class (of a sample: so few that it is no chance), or read
            in another usual way the file would get most of the others right.
    """
    name, section = _section(space, role)
    file = job.weights or job.initial
    assert file is not None
    data = _sampled(dataset)
    labels = data.arrays.validation_labels
    hits, outputs = _hits(job, data)
    n, most = len(labels), int(np.bincount(labels).max())
    what = f"{name} {job.architecture} ({file.path})"
    say(f"{what}: accuracy {hits / n:.3f} on {n:,} validation examples")
    if not section.check or hits > _enough(labels):
        return
    chance = 3 * math.sqrt(n) if n < len(dataset.validation) else 0.0
    hint = "" if job.weights is None else _hint(job, job.weights, data, outputs, dataset.classes)
    if hint or hits <= most - chance:
        raise InputError(
            f"{what}: accuracy {hits / n:.3f} of {len(dataset.classes)} classes: are its classes in another order, its "
            f"inputs normalised otherwise? Saying the most frequent class alone gives {most / n:.3f}. "
            f"{hint or _remedy(name)}; --set {name}.check=false goes on all the same"
        )


def _enough(labels: np.ndarray) -> float:
    """Return how many right answers show that a file is read as it was meant: halfway from one class alone to all."""
    return (len(labels) + int(np.bincount(labels).max())) / 2


def _remedy(section: str) -> str:
    remedy = f"{section}.classes says what its outputs mean"
    return remedy + (", teacher.normalisation what its inputs were" if section == "teacher" else "")


def _sampled(dataset: Dataset) -> DeviceData:
    """Return some of the validation examples, always the same; of the training data next to nothing."""
    arrays = Arrays.of(dataset)
    m = len(arrays.validation_labels)
    generator = torch.Generator().manual_seed(0)
    return _of_rows(arrays, torch.randperm(m, generator=generator)[:_SAMPLE].sort().values.numpy())


def _of_rows(arrays: Arrays, chosen: np.ndarray) -> DeviceData:
    few = replace(
        arrays,
        train_inputs=np.array(arrays.train_inputs[:1]),
        train_labels=arrays.train_labels[:1],
        validation_inputs=np.array(arrays.validation_inputs[chosen]),
        validation_labels=arrays.validation_labels[chosen],
        validation_groups={},
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return DeviceData(few, device, view_seed=0, augment=False)


def _hits(job: Job, data: DeviceData) -> tuple[int, np.ndarray]:
    """Return how many validation examples a model gets right, and what it says of each."""
    model = initial_model(job, data).eval()
    outputs = predict_logits(model, data.validation).argmax(dim=1).cpu().numpy()
    return int((outputs == data.arrays.validation_labels).sum()), outputs


def _hint(job: Job, file: Weights, data: DeviceData, outputs: np.ndarray, classes: Sequence[str]) -> str:
    """Return what would make a teacher know the data, where something usual does; else an empty string."""
    from scipy.optimize import linear_sum_assignment

    labels = data.arrays.validation_labels
    n = len(labels)
    enough = _enough(labels)
    table = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(table, (labels, outputs), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    hits = int(table[rows, columns].sum())
    if hits > enough and len(classes) <= _MOST_NAMES:
        own = file.order or range(len(classes))
        meant = {
            own[column]: classes[row] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        }
        names = yaml.safe_dump([meant[k] for k in range(len(classes))], default_flow_style=True, width=1e9)
        return f"With teacher: {{classes: {names.strip()}}} it is {hits / n:.3f}"
    channels = data.arrays.input_shape[0]
    few = _of_rows(data.arrays, np.arange(0, n, math.ceil(n / _FEW)))
    for text, (mean, std) in _USUAL.items() if data.arrays.is_image else ():
        if len(mean) in (1, channels):
            factor = channels // len(mean)
            other = replace(file, mean=tuple(mean * factor), std=tuple(std * factor))
            read = replace(job, weights=other)
            if _hits(read, few)[0] > _enough(few.arrays.validation_labels):
                hits, _ = _hits(read, data)
                return f"With teacher: {{normalisation: {{{text}}}}} it is {hits / n:.3f}"
    return ""
