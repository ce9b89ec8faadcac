"""What `kdtune status` prints, from the small run."""

from typing import Any

import pytest
from rich.console import Console

from kdtune.fairness import chance_floor
from kdtune.runs.reader import Run
from kdtune.runs.summary import summarise
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
        f"eod by chance: a model with equal rates in all groups shows {first.chance:.3f} on average, up to "
        f"{first.chance_high:.3f} in 95 of 100 data sets of these group sizes" in words
    )


@pytest.mark.parametrize("width", [80])
def test_a_narrow_terminal_cuts_no_number_off(printed: str, small_run: Run) -> None:
    table = printed[: printed.index("└")]
    assert "…" not in table
    for member in summarise(small_run).front:
        doubt: Any = member.doubts["eod"]
        assert f"{member.values['eod']:.3f} [{doubt.low:.3f}, {doubt.high:.3f}]" in table
