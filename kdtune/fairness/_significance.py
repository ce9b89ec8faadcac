"""Which classes distillation affects beyond the noise of the seeds: Welch's t-test, class by class."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._adjustment import benjamini_hochberg, holm
from kdtune.fairness._arrays import check_level, floats
from kdtune.fairness._rates import Floats, ratio

Bools = npt.NDArray[np.bool_]

# A class whose seeds all agree may still hold one example that goes either way, as a fair coin would.
_SPREAD_OF_ONE_EXAMPLE = 0.5

# Seeds whose quantity differs by less than this share of its size are equal up to rounding, and have no variance.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class AffectedClasses:
    """The outcome of `affected_classes`.

    Attributes:
        p: [C], p-values, adjusted if a correction was asked for; NaN if no test is possible.
        affected: bool [C], p <= level.
        better: bool [C], the mean of the tested quantity is higher in b than in a.
        p_uncorrected: [C], the p-values of the single tests.
        degenerate: bool [C], neither model varies over its seeds, so no test is possible.
        note: why tests are missing; empty if none is.
        null: the quantity that was compared.
        level: the level of the test.
        correction: how p was adjusted for the number of classes, or None.
    """

    p: Floats
    affected: Bools
    better: Bools
    p_uncorrected: Floats
    degenerate: Bools
    note: str
    null: str
    level: float
    correction: str | None


def affected_classes(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    null: Literal["ratio", "difference", "raw"] = "ratio",
    level: float = 0.05,
    correction: Literal["holm", "bh"] | None = None,
    model_accuracy: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    class_sizes: npt.ArrayLike | None = None,
) -> AffectedClasses:
    """Test for each class whether its accuracy differs between two models by more than their seeds do.

    Two-sided Welch's t-test over the seeds. `null` names the quantity that is equal if the class is not
    affected: "ratio", class accuracy / model accuracy (Mohammadshahi and Ioannou 2025); "difference", class
    accuracy - model accuracy (Hooker et al. 2020); "raw", class accuracy.

    No test is possible with fewer than two seeds in a or b, with an undefined accuracy, or if neither a nor b varies
    over its seeds (`degenerate`): p is NaN and the class not affected. A correction leaves such classes out.

    A few seeds may agree by luck, and a variance of almost nothing would make any difference significant. With
    `class_sizes`, no model's standard deviation counts as less than half an example of the class. In simulations of
    classes near 100 % this keeps false alarms at or below the level. An exact permutation test does so too, but with
    three seeds it can find nothing, and with five nothing that survives a correction for ten classes.

    Args:
        a: class accuracies [seeds of a, C], a row a seed.
        b: class accuracies [seeds of b, C].
        null: see above.
        level: largest p that counts as affected.
        correction: None; "holm" (family-wise error); "bh" (Benjamini-Hochberg, false discovery rate).
        model_accuracy: ([seeds of a], [seeds of b]), needed where classes differ in size; left out, the mean
            over the classes whose accuracy is defined.
        class_sizes: examples of each class [C], which accuracies (as shares) are out of.

    Raises:
        InputError: shapes do not agree, or a name is unknown.
    """
    if null not in ("ratio", "difference", "raw"):
        raise InputError(f'null must be "ratio", "difference" or "raw", got {null!r}')
    if correction not in (None, "holm", "bh"):
        raise InputError(f'correction must be None, "holm" or "bh", got {correction!r}')
    check_level(level)
    accuracies = _seeds_by_class("a", a), _seeds_by_class("b", b)
    if accuracies[0].shape[1] != accuracies[1].shape[1]:
        raise InputError(f"a has {accuracies[0].shape[1]} classes, b has {accuracies[1].shape[1]}")
    if model_accuracy is None:
        totals = _mean_over_classes(accuracies[0]), _mean_over_classes(accuracies[1])
    else:
        totals = (
            _per_seed("a", model_accuracy[0], accuracies[0]),
            _per_seed("b", model_accuracy[1], accuracies[1]),
        )

    tested = [_tested(x, total, null) for x, total in zip(accuracies, totals, strict=True)]
    least = np.zeros((2, accuracies[0].shape[1]))
    if class_sizes is not None:
        sizes = floats("class_sizes", class_sizes)
        if sizes.shape != least.shape[1:]:
            raise InputError(
                f"class_sizes must be [{least.shape[1]}], one a class, got the shape {sizes.shape}"
            )
        step = ratio(_SPREAD_OF_ONE_EXAMPLE, sizes)
        least = np.stack([ratio(step, total.mean()) if null == "ratio" else step for total in totals])
    # Differences come from accuracies and share their rounding, however small they are themselves.
    scale = np.fmax.reduce(np.abs(np.concatenate(tested if null == "ratio" else accuracies)), axis=None)
    p, degenerate = _welch(*tested, rounding=float(_ROUNDING * scale), least=least)
    adjusted = holm(p) if correction == "holm" else benjamini_hochberg(p) if correction == "bh" else p.copy()
    notes = []
    if len(tested[0]) < 2 or len(tested[1]) < 2:
        notes.append("a test needs at least two seeds of each model: no class can be called affected")
    if degenerate.any():
        notes.append(
            f"no test of {int(degenerate.sum())} classes is possible, because they do not vary over the seeds of "
            "either model"
        )
    better = tested[1].mean(axis=0) > tested[0].mean(axis=0)
    return AffectedClasses(
        p=adjusted,
        affected=np.asarray(adjusted <= level),
        better=np.asarray(better),
        p_uncorrected=p,
        degenerate=degenerate,
        note="; ".join(notes),
        null=null,
        level=level,
        correction=correction,
    )


def _seeds_by_class(name: str, values: npt.ArrayLike) -> Floats:
    array = floats(name, values)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{name} must be class accuracies [seeds, classes], got the shape {array.shape}")
    return array


def _mean_over_classes(accuracies: Floats) -> Floats:
    defined = ~np.isnan(accuracies)
    return ratio(accuracies.sum(axis=1, where=defined), defined.sum(axis=1))


def _per_seed(name: str, values: npt.ArrayLike, accuracies: Floats) -> Floats:
    array = floats(f"model_accuracy of {name}", values)
    if array.shape != accuracies.shape[:1]:
        raise InputError(
            f"model_accuracy of {name} must be [{len(accuracies)}], one a seed, got the shape {array.shape}"
        )
    return array


def _tested(accuracies: Floats, total: Floats, null: str) -> Floats:
    if null == "ratio":
        return ratio(accuracies, total[:, None])
    if null == "difference":
        return np.asarray(accuracies - total[:, None])
    return accuracies


def _welch(a: Floats, b: Floats, *, rounding: float, least: Floats) -> tuple[Floats, Bools]:
    """Return p [C] and where no test is possible because nothing varies; `least` [2, C]: least standard deviations."""
    from scipy import stats  # takes seconds to load, and most commands do without

    n_classes = a.shape[1]
    if len(a) < 2 or len(b) < 2:
        return np.full(n_classes, np.nan), np.zeros(n_classes, dtype=np.bool_)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    std_a, std_b = (np.where(np.ptp(x, axis=0) <= rounding, 0.0, x.std(axis=0, ddof=1)) for x in (a, b))
    degenerate = np.asarray((std_a == 0) & (std_b == 0))
    p = np.full(n_classes, np.nan)
    rest = ~degenerate
    std_a, std_b = (np.fmax(std, floor) for std, floor in zip((std_a, std_b), least, strict=True))
    p[rest] = stats.ttest_ind_from_stats(
        mean_a[rest], std_a[rest], len(a), mean_b[rest], std_b[rest], len(b), equal_var=False
    ).pvalue
    return p, degenerate
