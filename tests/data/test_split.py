import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtune.data import stratified_cut
from kdtune.errors import DataError


@given(
    cells=st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2)), min_size=1, max_size=80),
    share=st.floats(0, 1),
    seed=st.integers(0, 5),
)
def test_every_class_and_every_cell_gives_its_share_to_within_one(cells, share, seed) -> None:
    labels, groups = (torch.tensor(column) for column in zip(*cells, strict=True))
    k = round(share * len(cells))
    kept, part = stratified_cut(labels, {"g": groups}, k, seed)
    assert len(part) == k
    assert sorted([*kept.tolist(), *part.tolist()]) == list(range(len(cells)))
    assert part.tolist() == sorted(part.tolist())
    fair = k / len(cells)
    for keys in (labels, labels * 10 + groups):
        for key in keys.unique():
            size, taken = (keys == key).sum().item(), (keys[part] == key).sum().item()
            # Strictly within one of the exact share: its floor or its ceiling.
            assert abs(taken - size * fair) < 1 - 1e-9


def test_every_example_is_as_likely_as_any_other() -> None:
    labels = torch.tensor([0] * 7 + [1] * 3)
    taken = np.zeros(10)
    for seed in range(4000):
        taken[stratified_cut(labels, None, 3, seed)[1].numpy()] += 1
    # Four standard deviations of a binomial share with p = 0.3 in 4000 draws.
    assert taken / 4000 == pytest.approx(np.full(10, 0.3), abs=0.029)


def test_the_seed_decides() -> None:
    labels = torch.arange(100) % 4
    first, again, other = (stratified_cut(labels, {}, 0.2, seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("size", [1.5, -0.1, 11, -1])
def test_more_than_the_whole_is_refused(size) -> None:
    with pytest.raises(DataError):
        stratified_cut(torch.zeros(10, dtype=torch.int64), None, size, 0)
