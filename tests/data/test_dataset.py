import json

import numpy as np
import pytest
import torch

from kdtune.data import MISSING, Augmentation, Dataset, Normalisation, Split, fingerprint, group_sizes
from kdtune.errors import DataError


def split(n=6, **groups):
    inputs = torch.arange(n * 4, dtype=torch.float32).view(n, 4)
    return Split(inputs, torch.arange(n) % 2, {name: torch.tensor(codes) for name, codes in groups.items()})


def dataset(train, validation, attributes=None):
    attributes = attributes or {}
    return Dataset(
        "d", ("a", "b"), attributes, train, validation, None, Augmentation(), {}, "0", open_test=lambda: train
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": torch.zeros(6, 4, dtype=torch.float64)}, "uint8"),
        ({"labels": torch.zeros(5, dtype=torch.int64)}, "labels has shape"),
        ({"labels": torch.zeros(6, dtype=torch.int32)}, "int64"),
        ({"groups": {"sex": torch.zeros(7, dtype=torch.int64)}}, "sex has shape"),
    ],
)
def test_a_split_that_does_not_fit_together_is_refused(change, message) -> None:
    good = {"inputs": torch.zeros(6, 4), "labels": torch.zeros(6, dtype=torch.int64), "groups": {}}
    Split(**good)
    with pytest.raises(DataError, match=message):
        Split(**(good | change))


def test_take_keeps_inputs_labels_and_groups_together() -> None:
    taken = split(sex=[0, 1, 0, 1, MISSING, 0]).take(torch.tensor([4, 1]))
    assert taken.inputs[:, 0].tolist() == [16, 4]
    assert taken.labels.tolist() == [0, 1]
    assert taken.groups["sex"].tolist() == [MISSING, 1]


def test_an_absent_group_is_counted_as_zero_and_a_missing_one_apart() -> None:
    data = dataset(split(sex=[0, 0, 0, MISSING, 0, 0]), split(4, sex=[0, 1, 0, 1]), {"sex": ("f", "m", "x")})
    sizes = group_sizes(data.train, data.classes, data.attributes)
    assert sizes == {
        "n": 6,
        "classes": {"a": 3, "b": 3},
        "groups": {"sex": {"f": {"a": 3, "b": 2}, "m": {"a": 0, "b": 0}, "x": {"a": 0, "b": 0}}},
        "missing": {"sex": 1},
    }
    assert json.loads(json.dumps(data.describe()))["splits"]["train"] == sizes


def test_properties() -> None:
    data = dataset(split(), Split(torch.zeros(4, 3, 8, 9), torch.tensor([1, 1, 0, 1])))
    assert (data.n_classes, data.input_shape, data.majority) == (2, (4,), 0.75)


def test_fingerprint_covers_content_and_names_but_not_the_order_of_attributes() -> None:
    names = {"s": ("f", "m"), "t": ("x", "y")}
    train = split(s=[0, 1, 0, 1, 0, 1], t=[1, 1, 0, 0, 0, 0])
    swapped = Split(train.inputs, train.labels, dict(reversed(train.groups.items())))
    base = fingerprint(train, split(2), ("a", "b"), names)
    assert base == fingerprint(swapped, split(2), ("a", "b"), dict(reversed(names.items())))
    other = [
        fingerprint(split(2), train, ("a", "b"), names),
        fingerprint(train, split(3), ("a", "b"), names),
        fingerprint(train, split(2), ("b", "a"), names),
        fingerprint(train, split(2), ("a", "b"), names | {"s": ("f", "n")}),
        fingerprint(train.take(torch.tensor([1, 0, 2, 3, 4, 5])), split(2), ("a", "b"), names),
        fingerprint(
            Split(train.inputs, train.labels, {"s": train.groups["t"], "t": train.groups["s"]}),
            split(2),
            ("a", "b"),
            names,
        ),
    ]
    assert len({base, *other}) == 7


def test_fingerprint_is_that_recorded() -> None:
    """Recorded value: caches of trained baselines are filed under it."""
    assert fingerprint(split(2), split(1), ("a", "b"), {}).startswith("cf07643121e3")


def test_normalisation_by_histogram_is_the_plain_one() -> None:
    images = torch.randint(0, 256, (50, 3, 7, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    images[:, 1] = 51
    normalisation = Normalisation.of(images)
    plain = images.numpy() / 255
    assert normalisation.mean == pytest.approx(tuple(plain.mean((0, 2, 3))), abs=1e-12)
    assert normalisation.std[0] == pytest.approx(np.std(plain[:, 0]), abs=1e-12)
    assert (normalisation.mean[1], normalisation.std[1]) == (pytest.approx(0.2), 1.0)


def test_token_ids_need_their_vocabulary_and_nothing_else_has_one() -> None:
    tokens = Split(torch.tensor([[1, 4, 0], [1, 7, 9]]), torch.tensor([0, 1]))

    def make(split, vocabulary):
        return Dataset(
            "d", ("a", "b"), {}, split, split, None, Augmentation(), {}, "0", lambda: split, vocabulary
        )

    assert make(tokens, 10).input_shape == (3, 10)
    for split_, vocabulary in ((tokens, None), (split(), 10)):
        with pytest.raises(DataError, match="`vocabulary` is for token ids"):
            make(split_, vocabulary)
    with pytest.raises(DataError, match="token ids are not negative"):
        Split(torch.tensor([[1, -4]]), torch.tensor([0]))


def test_no_attribute_is_called_as_all_examples_are() -> None:
    from kdtune.data import from_arrays

    with pytest.raises(DataError, match="can't be called 'all'"):
        from_arrays(torch.arange(200.0)[:, None], [0, 1] * 100, {"all": list("aabb") * 50}, min_group=2)
