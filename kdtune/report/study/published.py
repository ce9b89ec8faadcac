"""The paper's own figures, shown beside ours if data set and pair are the same.

Mohammadshahi and Ioannou, "What is Left After Distillation?", TMLR 03/2025: read from the authors' blog, slides and
poster, in %. Individual fairness is no percentage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_T = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 20.0, 30.0, 40.0)


@dataclass(frozen=True)
class PublishedClasses:
    """Accuracy, #SC and #TC by T."""

    teacher: float
    nds: float
    students: Mapping[float, tuple[float, int, int]]


@dataclass(frozen=True)
class PublishedSeries:
    """A quantity of the teacher, of the student without a teacher, and of students by T."""

    teacher: float
    nds: float
    students: Mapping[float, float]


def _classes(teacher: float, nds: float, *rows: tuple[float, int, int]) -> PublishedClasses:
    return PublishedClasses(teacher, nds, dict(zip(_T[1:10], rows, strict=True)))


def _series(teacher: float, nds: float, *values: float) -> PublishedSeries:
    return PublishedSeries(teacher, nds, dict(zip(_T, values, strict=False)))


# fmt: off
CLASSES: Mapping[tuple[str, str], PublishedClasses] = {
    ("cifar100", "resnet56->resnet20"): _classes(
        70.87, 68.39, (68.63, 5, 15), (68.92, 7, 12), (69.18, 8, 9), (69.77, 9, 8), (69.81, 9, 8), (69.38, 10, 6),
        (69.12, 13, 6), (69.35, 18, 9), (69.24, 22, 11)),
    ("cifar100", "densenet169->densenet121"): _classes(
        72.43, 70.17, (70.93, 4, 12), (71.08, 4, 11), (71.16, 5, 9), (71.42, 8, 9), (71.39, 8, 8), (71.34, 9, 7),
        (71.29, 11, 7), (71.51, 12, 9), (71.16, 14, 10)),
    ("imagenet", "resnet50->resnet18"): _classes(
        76.1, 68.64, (68.93, 77, 314), (69.12, 113, 265), (69.57, 169, 237), (69.85, 190, 218), (69.71, 212, 193),
        (70.05, 295, 174), (70.28, 346, 138), (70.52, 371, 101), (70.83, 408, 86)),
    ("imagenet", "vit_b_16->tinyvit"): _classes(
        81.02, 78.68, (78.79, 83, 397), (78.94, 137, 318), (79.12, 186, 253), (79.51, 215, 206), (80.03, 268, 184),
        (79.62, 329, 161), (79.93, 365, 127), (80.16, 397, 96), (79.98, 426, 78)),
}
GAPS: Mapping[tuple[str, str, str], PublishedSeries] = {
    ("celeba", "young", "eod"): _series(4.69, 6.11, 6.02, 5.67, 5.45, 5.36, 5.39, 5.30, 5.26, 5.22, 5.14, 4.98,
                                        5.12, 5.52, 6.05),
    ("celeba", "young", "dpd"): _series(9.41, 10.60, 9.97, 9.75, 9.63, 9.38, 9.30, 9.38, 9.17, 9.05, 9.00, 8.86,
                                        9.28, 9.73, 10.12),
    ("celeba", "male", "eod"): _series(3.94, 4.33, 4.30, 3.85, 3.81, 3.86, 3.78, 3.72, 3.69, 3.66, 3.51, 3.29,
                                       3.63, 3.79, 4.12),
    ("celeba", "male", "dpd"): _series(13.68, 13.90, 13.85, 13.80, 13.78, 13.81, 13.21, 13.17, 13.12, 13.05, 12.89,
                                       12.30, 13.08, 13.49, 13.82),
    ("trifeature", "color", "eod"): _series(0.00, 2.81, 1.67, 1.60, 1.38, 1.32, 1.25, 1.27, 1.21, 1.15, 1.08, 1.01,
                                            1.06, 1.27, 1.85),
    ("trifeature", "color", "dpd"): _series(3.64, 4.12, 3.75, 3.56, 3.52, 3.48, 3.41, 3.48, 3.37, 3.29, 3.22, 3.10,
                                            3.25, 3.59, 3.86),
    ("trifeature", "texture", "eod"): _series(1.07, 2.98, 2.74, 2.56, 2.33, 2.25, 2.17, 2.06, 1.97, 1.91, 1.83,
                                              1.77, 1.86, 2.21, 2.69),
    ("trifeature", "texture", "dpd"): _series(3.76, 4.61, 4.28, 4.14, 4.08, 3.93, 3.85, 3.74, 3.59, 3.51, 3.44,
                                              3.37, 3.48, 3.82, 4.23),
    ("hatexplain", "gender", "eod"): _series(1.63, 4.79, 4.35, 4.46, 3.88, 3.51, 2.97, 2.16, 1.66, 1.49, 1.28, 1.13,
                                             2.53, 3.38, 4.49),
    ("hatexplain", "gender", "dpd"): _series(1.10, 2.87, 2.74, 1.84, 1.66, 1.45, 1.23, 1.16, 1.09, 0.98, 0.76, 0.64,
                                             0.91, 1.80, 2.32),
    ("hatexplain", "race", "eod"): _series(1.13, 6.41, 6.18, 5.86, 4.99, 4.13, 3.78, 3.53, 3.31, 3.16, 2.99, 2.64,
                                           3.48, 4.84, 6.12),
    ("hatexplain", "race", "dpd"): _series(1.64, 3.16, 3.02, 2.46, 2.19, 2.03, 1.97, 1.71, 1.54, 1.21, 1.16, 1.04,
                                           1.54, 2.23, 2.96),
}
INDIVIDUAL: Mapping[str, PublishedSeries] = {
    "celeba": _series(.0407, .124, .113, .104, .0908, .0906, .0886, .0799, .0753, .0712, .0701, .0697),
    "trifeature": _series(.016, .0462, .0422, .0407, .0393, .0387, .0384, .0377, .0356, .0349, .0341, .0338),
    "hatexplain": _series(.0320, .1078, .0994, .0985, .0927, .0882, .0823, .0768, .0727, .0689, .0681, .0654),
}
# fmt: on
PAIRS: Mapping[str, tuple[str, ...]] = {
    "celeba": ("resnet50->resnet18",),
    "trifeature": ("resnet20->lenet5",),
    "hatexplain": ("bert->distilbert", "bert-base->distilbert"),
}
"""The pairs for which the paper gives gaps between groups and individual fairness."""


_LABELS = {"trifeature": "shape", "celeba": "Smiling"}
"""The paper's task, if the data have several; it is also the default."""


def classes_of(dataset: Mapping[str, Any], pair: str) -> PublishedClasses | None:
    """Return the paper's figures on classes for a data set (as a run records it) and pair."""
    return CLASSES.get((_name(dataset), pair.replace(" ", "")))


def gap_of(dataset: Mapping[str, Any], pair: str, attribute: str, quantity: str) -> PublishedSeries | None:
    """Return the paper's EOD or DPD over an attribute."""
    return GAPS.get((_name(dataset), attribute.lower(), quantity)) if _is_theirs(dataset, pair) else None


def individual_of(dataset: Mapping[str, Any], pair: str) -> PublishedSeries | None:
    """Return the paper's individual fairness."""
    return INDIVIDUAL.get(_name(dataset)) if _is_theirs(dataset, pair) else None


def _name(dataset: Mapping[str, Any]) -> str:
    return str(dataset["name"]).lower()


def _is_theirs(dataset: Mapping[str, Any], pair: str) -> bool:
    theirs = _LABELS.get(_name(dataset))
    return pair.replace(" ", "") in PAIRS.get(_name(dataset), ()) and (
        dict(dataset["options"]).get("label", theirs) == theirs
    )
