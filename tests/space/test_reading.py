"""Good search spaces: what is read of them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from kdtune.errors import SpaceError
from kdtune.space.reading import Range, extremes, parse_space, plain_values, ready_spaces
from tests.space.made import GOOD, with_value


def test_a_good_space() -> None:
    space = parse_space(GOOD, "my.yaml")
    assert [(p.teacher, p.student) for p in space.pairs] == [("resnet20", "lenet5"), ("resnet8", "lenet5")]
    assert space.search["temperature"] == Range(low=1, high=40, log=True)
    assert space.dataset.options == {"image_size": 32}
    assert space.train_config().epochs == 2
    assert space.train_config().milestones == (0.5,)
    assert space.train_config(lr=0.5).lr == 0.5
    assert (space.teacher_config().epochs, space.teacher_config().lr) == (5, 0.01)
    second = space.search_of(space.pairs[1])
    assert second["lr"] == Range(low=0.01, high=0.1)
    assert second["alpha"] == [0.1, 0.5]
    assert "lr" not in space.search_of(space.pairs[0])


def test_a_pair_s_own_entry_replaces_the_common_one() -> None:
    space = parse_space(with_value("pairs.1.search", {"alpha": 0.9}), "x")
    assert space.search_of(space.pairs[1])["alpha"] == 0.9
    assert space.search_of(space.pairs[0])["alpha"] == [0.1, 0.5]


def test_to_dict_is_accepted_again_and_means_the_same() -> None:
    for text in [yaml.safe_dump(GOOD), *ready_spaces().values()]:
        space = parse_space(yaml.safe_load(text), "x")
        plain = json.loads(json.dumps(space.to_dict(), allow_nan=False))
        assert parse_space(plain, "y") == space


def test_extremes() -> None:
    assert list(extremes(Range(low=1, high=2))) == [1, 2]
    assert list(extremes([3, 4])) == [3, 4]
    assert list(extremes("sgd")) == ["sgd"]


def test_every_file_of_a_data_set_is_named_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is resumed and exported from any folder."""
    (tmp_path / "faces").mkdir()
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    dataset = {"name": "folder", "path": "faces", "attributes": ["one.csv", "two.csv"], "test": 0.2}
    space = parse_space(with_value("dataset", dataset), "space").with_absolute_paths()
    assert space.dataset.options == {
        "path": str(tmp_path / "faces"),
        "attributes": [str(tmp_path / "one.csv"), str(tmp_path / "two.csv")],
        "test": 0.2,
    }


def test_what_a_program_gives_is_what_yaml_would_hold() -> None:
    given = {
        "dataset": {"name": "table", "path": Path("people.csv"), "bins": {"age": np.array([25, 45])}},
        "pairs": ("mlp-16->mlp-8",),
        "search": {
            "temperature": {"low": np.float32(1), "high": np.int64(40), "log": np.bool_(True)},
            "batch_size": range(16, 64, 16),
        },
    }
    plain = {
        "dataset": {"name": "table", "path": "people.csv", "bins": {"age": [25, 45]}},
        "pairs": ["mlp-16->mlp-8"],
        "search": {"temperature": {"low": 1.0, "high": 40, "log": True}, "batch_size": [16, 32, 48]},
    }
    assert plain_values(given) == plain
    assert parse_space(plain_values(given), "x").to_dict() == parse_space(plain, "x").to_dict()


@pytest.mark.parametrize("thing", [pd.DataFrame({"a": [1]}), len, {"a", "b"}, b"people.csv", iter([1])])
def test_what_no_run_can_keep_is_refused_with_its_place(thing: object) -> None:
    with pytest.raises(SpaceError, match=r"^space\.dataset\.frame: a run can't keep \w+: give texts"):
        plain_values({"dataset": {"name": "mine", "frame": thing}})
