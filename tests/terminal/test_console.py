"""What `kdtune status` prints, from the small run."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kdtune.fairness import chance_floor
from kdtune.pareto import Constraint
from kdtune.runs.reader import Run, open_run
from kdtune.runs.summary import Doubt, summarise
from kdtune.terminal import console


@pytest.fixture
def printed(
    small_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> str:
    monkeypatch.setattr(
        console, "stdout_console", lambda: Console(highlight=False, markup=False, emoji=False, width=width)
    )
    console.print_summary(small_run, as_json=False)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [140])
def test_both_chance_values_of_every_model_are_shown(printed: str, small_run: Run) -> None:
    for member in (*summarise(small_run).front, *summarise(small_run).baselines):
        floor = chance_floor(small_run.reports(member.id)[-1].counts["color"])
        assert f"{floor.mean:.3f}, {floor.high:.3f}" in printed
    first = summarise(small_run).front[0].doubts["eod"]
    words = " ".join(printed.split())
    assert (
        f"eod, equal rates: a model with equal true and false positive rates in all groups shows {first.chance:.3f} on "
        f"average, up to {first.chance_high:.3f} in 95 of 100 data sets of these group sizes" in words
    )


@pytest.mark.parametrize(
    ("name", "equal"),
    [
        ("eod@race", "equal true and false positive rates in all groups"),
        ("dpd", "equal true and false positive rates in all groups"),
        ("equal_opportunity_difference", "equal true positive rates in all groups"),
        ("predictive_parity_difference@race", "equal precision in all groups"),
        ("accuracy_difference", "equal accuracy in all groups"),
    ],
)
def test_what_is_equal_is_what_the_measure_compares(name: str, equal: str) -> None:
    """Groups with equal true and false positive rates have unequal accuracies where their base rates differ."""
    told = console._at_these_sizes(name, Doubt(0.0, 0.2, 0.05, 0.1, None))
    assert told.startswith(f"a model with {equal} shows 0.050 on average")


def test_examples_of_no_group_are_counted(small_run: Run) -> None:
    summary = summarise(small_run)
    assert summary.no_group == dict.fromkeys(summary.group_sizes, 0)
    assert not any("of no group" in line for line in console._sizes(summary))
    lines = console._sizes(replace(summary, no_group={"color": 1234}))
    assert next(line for line in lines if line.startswith("color: ")).endswith("; of no group 1,234")


def test_it_is_said_how_many_trials_break_a_bound() -> None:
    """Else nobody knows why a front has a single student."""
    bounds = [Constraint("accuracy", ">=", 0.55), Constraint("over_majority", ">=", 3.3)]
    values = [{"accuracy": 0.5, "over_majority": 9.0}, {"accuracy": 0.9, "over_majority": 9.0}, {}]
    trials: list[Any] = [
        SimpleNamespace(state=state, values=of)
        for state, of in zip(("done", "done", "stopped"), values, strict=True)
    ]
    assert console._bounds(bounds, trials) == [
        "accuracy >= 0.55 (broken by 1 of 2 trials)",
        "better than the most frequent class beyond noise",
    ]
    own = [Constraint("over_majority", ">=", 10.0)]
    assert console._bounds(own, trials) == ["over_majority >= 10 (broken by 2 of 2 trials)"]


def test_trials_off_the_front_are_counted_among_those_done(small_run: Run) -> None:
    summary = summarise(small_run)
    off = replace(summary.trials[0], trivial="gives the same answer to everybody")
    stopped = replace(off, id="t9999", state="stopped")
    lines = console._trivial(replace(summary, front=[], trials=[off, stopped]), has_front=True)
    assert "not on the front: 1 of 1 trial; each gives the same answer to everybody" in lines


@pytest.mark.parametrize("width", [140])
def test_steps_are_shown_and_the_last_line_says_what_is_beyond_noise(printed: str, small_run: Run) -> None:
    summary = summarise(small_run)
    assert summary.resolution.known
    assert [m for step in summary.resolution.steps for m in step] == [m.id for m in summary.front]
    table = printed[: printed.index("└")]
    assert " step " in table
    last = " ".join(printed.split())
    assert last.endswith(summary.conclusion)
    assert re.match(
        r"No student beats NDS|Beyond noise, (\d+ of \d+ students|the only student) on the front",
        summary.conclusion,
    )


def test_a_run_without_predictions_says_that_it_is_not_known(
    small_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "old"
    shutil.copytree(small_run.path, copy)
    for path in copy.rglob("predictions.safetensors"):
        path.unlink()
    console.print_summary(open_run(copy), as_json=False)
    out = " ".join(capsys.readouterr().out.split())
    assert "What of this front is beyond noise is not known:" in out
    assert "predictions.safetensors: not readable" in out
    assert " step " not in out


def test_json_carries_the_comparisons(small_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_summary(small_run, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["conclusion"] == summarise(small_run).conclusion
    against = found["resolution"]["against"]
    roles = [item["role"] for item in against if item["model"] == found["front"][0]["id"]]
    assert roles in (["neighbour", "nds", "teacher"], ["nds", "teacher"])
    for item in against[0]["differences"]:
        assert {"objective", "difference", "low", "high", "better", "tested"} == set(item)


@pytest.mark.parametrize("width", [80])
def test_a_narrow_terminal_cuts_no_number_off(printed: str, small_run: Run) -> None:
    table = printed[: printed.index("└")]
    assert "…" not in table
    for member in summarise(small_run).front:
        doubt: Any = member.doubts["eod"]
        assert f"{member.values['eod']:.3f} [{doubt.low:.3f}, {doubt.high:.3f}]" in table


@pytest.mark.parametrize("width", [140])
def test_weights_are_as_large_as_their_files(printed: str, small_run: Run) -> None:
    found = summarise(small_run)
    assert found.front
    for member in (*found.front, *found.baselines):
        baseline = member.id if member.role != "student" else f"nds-{member.config['student']}"
        assert member.weights_bytes == small_run.files.weights(baseline).stat().st_size
    assert "weights on disk: " in printed
