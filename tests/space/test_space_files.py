"""Files of search spaces: which are none, and what YAML itself may say in one."""

from pathlib import Path

import pytest
import yaml

from kdtune.errors import SpaceError
from kdtune.space.reading import read_space
from tests.space.made import GOOD, write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "not YAML"),
        ("a: b: c", "line 1: not YAML"),
        ("ok: 1\n\tx: 2", "line 2: not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
        ("a: 2026-13-45", "not YAML"),
        ("a: !!int x", "not YAML"),
        ("a: !!bool x", "not YAML"),
        ("a: !!timestamp x", "not YAML"),
        ("a: " + "9" * 5000, "not YAML"),
        ("? [1, 2]\n: 3", "not YAML"),
        ("a: *unknown", "not YAML"),
        ("[" * 5000, "too deeply"),
        ("", "holds nothing"),
        ("- a", "holds a list"),
        (b"\xff\xfe\xfa", "not readable"),
        ("seed: 1".encode("utf-16"), "my.yaml: not readable (it is not UTF-8: save it so)"),
        ("a: \x01", "not YAML"),
        ("seed: 1\npairs: []\nseed: 2", "line 3: 'seed' is written twice: keep one"),
        ('search: {alpha: 0.5, lr: 1, "alpha": 0.9}', "line 1: 'alpha' is written twice"),
    ],
)
def test_a_file_that_is_no_space(tmp_path: Path, text: str | bytes, expected: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SpaceError) as caught:
        read_space(path, ["seed=1"])
    assert str(caught.value).startswith(path)
    assert expected in str(caught.value)


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"nowhere\.yaml: not readable \(No such file"):
        read_space(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(SpaceError, match="no search space 'trifeatur'; did you mean 'trifeature'"):
        read_space("trifeatur")


def test_what_a_merge_brings_in_may_be_replaced(tmp_path: Path) -> None:
    space = {key: value for key, value in GOOD.items() if key not in ("train", "teacher")}
    file = write(tmp_path, yaml.safe_dump(space) + "train: &t {lr: 0.3}\nteacher: {<<: *t, lr: 0.5}\n")
    assert read_space(file)[0].teacher.settings["lr"] == 0.5
