"""What is told of a question before data are read or torch is imported."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kdtune.errors import InputError
from kdtune.runs.measures.objectives import MEASURES
from kdtune.space.questions import check_question
from kdtune.space.reading import Space, parse_space


def space(**changes: Any) -> Space:
    content = {"dataset": {"name": "trifeature"}, "pairs": ["resnet8->lenet5"], **changes}
    return parse_space(content, "space")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("accuracy", ">= 80", "'>= 80' can never be met: accuracy is a share in [0, 1]: did you mean 0.80?"),
        ("accuracy", ">= 1.01", "can never be met: accuracy is a share in [0, 1]: move the bound"),
        ("accuracy", ">= 0", "'>= 0' is always met: accuracy is a share in [0, 1]: move the bound, or leave it out"),
        ("accuracy", ">= -0.5", "is always met"),
        ("accuracy", "<= 1", "is always met"),
        ("accuracy@race=x", ">= 0.5", ""),
        ("worst_group_accuracy", ">= 75", "did you mean 0.75?"),
        ("eod", "<= 5", "'<= 5' is always met: eod is a share in [0, 1]: did you mean 0.05?"),
        ("eod@race", "<= -0.1", "'<= -0.1' can never be met: eod is a share"),
        ("class_bias_nds", "<= -1", "can never be met: class_bias_nds is 0 or more"),
        ("class_bias_nds", ">= 0", "is always met"),
        ("parameters", "<= 0.5", "can never be met: parameters is 1 or more"),
        ("accuracy", ">= 500", "can never be met: accuracy is a share in [0, 1]: move the bound, or leave it out"),
        ("accuracy", "> 0.5", "cannot read '> 0.5'"),
        ("accuracy", ">= majorty", "did you mean 'majority'?"),
        ("acuracy", ">= 0.5", "constraints: unknown measure 'acuracy'; did you mean 'accuracy'?"),
    ],
)  # fmt: skip
def test_bounds(name: str, text: str, expected: str) -> None:
    asked = space(constraints={name: text})
    if not expected:
        check_question(asked)
        return
    with pytest.raises(InputError) as caught:
        check_question(asked)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "text", [">= 0.8", "<= 0.999", ">= 1", ">= majority + 0.05", ">= chance * 2", "<= 1 - 0.001", ">= 0.0001"]
)
def test_bounds_that_part_models(text: str) -> None:
    check_question(space(constraints={"accuracy": text}))


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
def test_each_measure_s_range_holds_its_best_and_its_worst(measure: Any) -> None:
    low, high = measure.range
    best, worst = (high, low) if measure.direction == "max" else (low, high)
    assert measure.badness(best) == 0
    assert measure.badness(worst) == pytest.approx(1)


def test_objectives_are_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="objectives: unknown measure 'eodd'; did you mean 'eod'"):
        check_question(space(objectives=["accuracy", "eodd@race"]))
    check_question(space(objectives=["accuracy", "my_measure"]), imports=["my_measures"])


def test_weights_are_there(tmp_path: Path) -> None:
    (tmp_path / "there.pt").touch()
    check_question(space(teacher={"weights": str(tmp_path / "there.pt")}))
    for section in ("teacher", "student"):
        with pytest.raises(InputError, match=r"none\.pt: weights cannot be read: No such file"):
            check_question(space(**{section: {"weights": str(tmp_path / "none.pt")}}))


def test_it_needs_neither_torch_nor_ray() -> None:
    code = (
        "import sys, kdtune.space.questions, kdtune.launch; "
        "assert not {'torch', 'ray', 'optuna', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ('constraints={accuracy: ">= 80"}', "did you mean 0.80?"),
        ("objectives=[acuracy, eod]", "did you mean 'accuracy'?"),
        ("teacher.weights=none.pt", "none.pt: weights cannot be read"),
    ],
)
def test_the_command_line_says_it_at_once(tmp_path: Path, override: str, expected: str) -> None:
    """No driver is started, and no run is left."""
    command = [Path(sys.executable).with_name("kdtune"), "search", "--headless", "--set", override]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
