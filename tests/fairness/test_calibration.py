import numpy as np
import pytest

from kdtune.errors import InputError
from kdtune.fairness import calibration


def by_definition(labels: np.ndarray, probabilities: np.ndarray) -> float:
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for k in range(15):
        mine = (confidence >= k / 15) & ((confidence < (k + 1) / 15) | (k == 14))
        if mine.any():
            error += mine.mean() * abs(right[mine].mean() - confidence[mine].mean())
    return error


def drawn(seed: int, n: int, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Labels that the probabilities are right about."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([0.7] * n_classes, n)
    return (rng.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1), probabilities


def test_the_error_is_its_definition() -> None:
    labels, probabilities = drawn(0, 500)
    found = calibration(labels, probabilities)
    assert found.error == pytest.approx(by_definition(labels, probabilities), abs=1e-12)
    assert found.confidence == pytest.approx(probabilities.max(axis=1).mean())
    assert found.accuracy == (probabilities.argmax(axis=1) == labels).mean()


def test_certain_and_always_wrong() -> None:
    found = calibration(np.zeros(10, dtype=int), np.tile([0.0, 1.0], (10, 1)))
    assert (found.error, found.confidence, found.accuracy, found.chance) == (1, 1, 0, 0)


def test_a_calibrated_model_shows_the_chance_value() -> None:
    errors, floors = [], []
    for seed in range(200):
        found = calibration(*drawn(seed, 100), resamples=100)
        errors.append(found.error)
        floors.append((found.chance, found.chance_high))
    mean, high = np.mean(floors, axis=0)
    assert np.mean(errors) == pytest.approx(mean, rel=0.05)
    assert np.mean(np.array(errors) > high) == pytest.approx(0.05, abs=0.035)


def test_without_examples_it_is_undefined() -> None:
    found = calibration([], np.zeros((0, 2)))
    assert found.n == 0
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize(
    ("labels", "probabilities", "said"),
    [
        ([0], [0.5, 0.5], r"\[n, classes\]"),
        ([0, 1], [[0.5, 0.5]], "1 entries"),
        ([0], [[0.5, 0.6]], "sum to 1"),
        ([2], [[0.5, 0.5]], r"labels\[0\] is 2"),
    ],
)
def test_bad_input_is_refused(labels: list[int], probabilities: list[object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        calibration(labels, probabilities)
