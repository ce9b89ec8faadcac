"""Which place of a replay a person means."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tui.actions import timing
from tui.actions.timing import moment


def test_moments() -> None:
    assert moment("50%", 200) == 0.5
    assert moment("1:40", 200) == 0.5
    assert moment("100", 200) == 0.5
    assert moment("300", 200) is None
    assert moment("soon", 200) is None


@pytest.mark.parametrize("text", ["soon", "3:20"])
def test_what_is_no_moment_is_answered_with_what_is_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(timing, "_replay", lambda *_: SimpleNamespace(length=120.0))
    monkeypatch.setattr(timing, "Prompt", lambda _title, _hint, check: asked.append(check))
    timing.seek(cast(Any, SimpleNamespace(push_screen=lambda *_: None)))
    assert asked[0](text) == f"{text!r} is not in the run, which took 2:00 min: write 50%, or a time"
    assert asked[0]("1:20") == ""
