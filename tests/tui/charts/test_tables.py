"""The tables of trials and of the front: what they name, and that what matters fits into a small terminal."""

from dataclasses import replace

import pytest

from kdtune.pareto import Constraint
from kdtune.runs.empty_front import why_empty
from kdtune.text import setting
from tests.tui.charts.test_charts import WORLDS, frame_of
from tests.tui.charts.test_doubt import text_of, with_resolution
from tui.charts.frame import Frame
from tui.charts.front.members import front_table
from tui.charts.front.scatter import front
from tui.charts.journal.events import journal
from tui.charts.live.columns import columns, name_room
from tui.charts.live.curves import curves
from tui.charts.live.hypervolume import hypervolume
from tui.charts.live.table import table
from tui.charts.search.timeline import timeline
from tui.sources.synthetic import NDS, TEACHER, Synthetic
from tui.state.journal import Entry
from tui.state.store import Store
from tui.state.view import View


@pytest.mark.parametrize("width", [56, 76, 116, 156])
def test_the_table_of_the_front_says_what_made_each_member_at_any_width(width: int) -> None:
    frame = with_resolution(frame_of(WORLDS["ten"], width, 40))
    lines = text_of(frame, front_table).split("\n")
    for member in frame.store.front:
        k = next(k for k, line in enumerate(lines) if member in line)
        config = frame.store.model(member).config  # type: ignore[union-attr]
        said = lines[k] if config["pair"] in lines[k] else lines[k] + lines[k + 1]
        assert config["pair"] in said
        for name in ("temperature", "alpha", "lr"):
            assert setting(config[name]) in said


def test_why_there_is_no_front_is_said_as_status_says_it() -> None:
    world = Synthetic(trials=3, epochs=1, classes=2)
    bound = Constraint("accuracy", ">=", 1.5)
    store = Store(replace(world.record, constraints=(bound,), space={"constraints": {"accuracy": ">= 1.5"}}))
    store.apply(list(world.events()))
    done = [trial for trial in store.trials if trial.state == "done"]
    shown = " ".join(text_of(Frame(store, View(), 200, 20), front_table).split())
    assert why_empty(store.record, done) in shown
    store.state.hypervolume.clear()  # a sweep records it from the first member of a front on
    shown = " ".join(text_of(Frame(store, View(), 200, 20), hypervolume).split())
    assert why_empty(store.record, done) in shown


def test_a_study_has_no_front() -> None:
    world = Synthetic(trials=3, epochs=1, classes=2)
    store = Store(replace(world.record, kind="study"))
    store.apply(list(world.events()))
    assert not store.front
    assert not store.other_front
    store.state.hypervolume.clear()
    for chart in (front_table, hypervolume):
        assert "a study has no front" in " ".join(text_of(Frame(store, View(), 200, 20), chart).split())
    frame = Frame(store, View(), 200, 20, ids=list(store.state.trials))
    assert "t0000" in text_of(frame, table)
    assert "acc" in text_of(frame, front)


def test_a_row_below_a_member_is_the_members_too() -> None:
    canvas = front_table(with_resolution(frame_of(WORLDS["ten"], 60, 40)))
    ids = list(canvas.row_ids.values())
    assert {ids.count(i) for i in ids if i not in (TEACHER, NDS)} == {2}


@pytest.mark.parametrize("width", [76, 116])
def test_names_of_baselines_run_over_the_settings_that_they_have_not(width: int) -> None:
    frame = frame_of(WORLDS["ten"], width, 30)
    shown = columns(frame)
    assert shown[0].width == 6
    assert name_room(shown) >= len(TEACHER)
    assert f"{TEACHER} " in text_of(frame, table)
    assert "EOD ±95 %" in text_of(frame, table)


def trivial(frame: Frame, *ids: str) -> Frame:
    """Make models answer the same to everybody."""
    for model_id in ids:
        frame.store.model(model_id).values["answered_classes"] = 1.0  # type: ignore[union-attr]
    frame.store.done_revision += 1
    return frame


@pytest.mark.parametrize("chart", [table, front, curves, timeline])
def test_models_that_know_nothing_of_the_single_example_are_named_wherever_they_are_shown(chart) -> None:
    ids = {table: (NDS, "t0004"), front: (NDS, "t0003"), curves: ("t0003",), timeline: ("t0003", "t0004")}[
        chart
    ]
    frame = frame_of(WORLDS["ten"], 120, 40)
    before = text_of(frame, chart)
    assert not any(f"{i} ≡" in before for i in ids)
    after = text_of(trivial(frame, *ids), chart)
    for model_id in ids:
        assert f"{model_id} ≡" in after
    assert "t0002 ≡" not in after


def test_trivial_trials_have_their_own_sign_in_the_plot() -> None:
    frame = frame_of(WORLDS["ten"], 120, 40)
    assert "≡ trivial" not in text_of(frame, front)
    store = frame.store
    other = next(
        t.id for t in store.trials if t.state == "done" and t.id not in store.front | {"t0003", "t0001"}
    )
    canvas = front(trivial(frame, other))
    text = "\n".join(canvas.lines())
    assert "≡ trivial" in text
    assert text.count("≡") == 2


def test_a_running_trial_is_not_called_trivial() -> None:
    frame = frame_of(WORLDS["ten"], 120, 40)
    running = next(t.id for t in frame.store.trials if t.state == "running")
    trivial(frame, running)
    assert running not in frame.store.trivial


def two_fronts(frame: Frame) -> str:
    """Let training examples speak against one member of the front; return its id."""
    store = frame.store
    done = [trial for trial in store.trials if trial.state == "done"]
    lucky = next(iter(sorted(store.front)))
    for trial in done:
        trial.seen.update(trial.values)
        trial.overfit = 0.0
    store.model(lucky).seen.update(accuracy=0.1, eod=0.9)  # type: ignore[union-attr]
    store.done_revision += 1
    return lucky


def test_both_fronts_can_be_seen_and_each_says_what_the_other_has() -> None:
    frame = frame_of(WORLDS["ten"], 120, 40)
    lucky, store = two_fronts(frame), frame.store
    assert lucky not in store.front
    assert lucky in store.other_front
    text = text_of(frame, front_table)
    assert f"R: validation alone chooses {len(store.other_front)} students, " in text
    chosen = store.front
    store.set_raw(True)
    assert lucky in store.front
    assert store.other_front == chosen
    assert "R: validation and training examples together choose" in text_of(frame, front_table)
    assert "raw front: " in text_of(frame, front)


def test_long_entries_of_the_journal_lose_no_character_and_break_between_words() -> None:
    frame = replace(frame_of(WORLDS["ten"], 40, 30))
    said = "t0002 failed: " + " ".join(f"word{k}" for k in range(20)) + " " + 30 * "x"
    frame.store.journal.entries.append(Entry(0.0, said, "bad", "t0002"))
    rows = [line[16:].strip() for line in journal(frame).lines()]
    assert said.replace(" ", "") in "".join(rows).replace(" ", "")
    assert all(word in {part for row in rows for part in row.split()} for word in said.split()[:-1])
