"""`--set`: it replaces one value, or is refused with one clear message."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kdtune.errors import SpaceError
from kdtune.space.reading import parse_space, read_space
from tests.space.drawn import anything, paths
from tests.space.made import GOOD, write


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seed=7", "seed", 7),
        ("budget.trials=9", "budget.trials", 9),
        ("budget.minutes=null", "budget.minutes", None),
        ("search.alpha=0.25", "search.alpha", 0.25),
        ("search.alpha=[0.25, 0.75]", "search.alpha", [0.25, 0.75]),
        ("search.lr={low: 0.1, high: 0.2}", "search.lr.low", 0.1),
        ("objectives=[accuracy]", "objectives", ["accuracy"]),
        ("dataset.path=a=b.csv", "dataset.path", "a=b.csv"),
        ("resources.workers=2", "resources.workers", 2),
        ("about=", "about", ""),
    ],
)
def test_set_replaces_one_value(tmp_path: Path, override: str, path: str, value: Any) -> None:
    file = write(tmp_path, yaml.safe_dump(GOOD))
    if override == "about=":
        with pytest.raises(SpaceError, match="about"):  # an empty value is null, which is no text
            read_space(file, [override])
        return
    inner: Any = read_space(file, [override])[0].to_dict()
    for part in path.split("."):
        inner = inner[part]
    assert inner == value


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("seed=[", "'[' is not a YAML value"),
        (
            "constraints.accuracy=>= majority",
            """a text with such signs needs quotes: --set 'constraints.accuracy=">= majority"'""",
        ),
        ("seed=2026-13-45", "is not a YAML value"),
        ("constraints={accuracy: '>= 0.9', accuracy: '<= 0.5'}", "'accuracy' is written twice: keep one"),
        ("seed.x=1", "'seed' holds a value, not keys"),
        ("pairs.0=a->b", "'pairs' holds a value, not keys"),
        ("budget.trials=many", "budget.trials"),
        ("budgt.trials=1", "unknown key 'budgt'; did you mean 'budget'?"),
        ("search.temperature.low=99", "low 99 is above high 40"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, expected: str) -> None:
    file = write(tmp_path, yaml.safe_dump(GOOD))
    with pytest.raises(SpaceError) as caught:
        read_space(file, [override])
    assert expected in str(caught.value)


keys = paths | st.text(max_size=12) | st.lists(st.text(max_size=4), max_size=4).map(".".join)
values = anything.map(lambda value: yaml.safe_dump(value, allow_unicode=True)) | st.text(max_size=20)


@settings(max_examples=300)
@given(st.lists(st.tuples(keys, values), min_size=1, max_size=3))
def test_whatever_is_set_gives_a_space_or_one_clear_message(pairs: list[tuple[str, str]]) -> None:
    """On the command line's own words: any key, any value, up to three of them."""
    overrides = [f"{key}={value}" for key, value in pairs]
    try:
        space, stem = read_space("default", overrides)
    except SpaceError as error:
        lines = str(error).split("\n")
        assert 1 <= len(lines) <= 5
        assert all(line.startswith(("default.yaml: ", "--set ")) for line in lines), lines
        return
    assert stem == "default"
    assert parse_space(json.loads(json.dumps(space.to_dict())), "again").search == space.search


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_text_after_set_is_taken_or_refused(text: str) -> None:
    said = ""
    try:
        read_space("default", [text])
    except SpaceError as error:
        said = str(error)
    assert len(said.split("\n")) <= 5


def test_set_below_a_key_that_is_left_empty(tmp_path: Path) -> None:
    file = write(tmp_path, "dataset: {name: trifeature}\npairs: [resnet20->lenet5]\ntrain:\n")
    assert read_space(file, ["train.lr=0.5"])[0].train == {"lr": 0.5}
