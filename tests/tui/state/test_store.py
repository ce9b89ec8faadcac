"""The store knows what `kdtune status` knows, by the same functions."""

import math

import numpy as np
import pytest

from kdtune.runs import open_run, summarise
from kdtune.runs.lock import driver_lock
from tui.sources.synthetic import NDS, TEACHER, Synthetic
from tui.state.store import Store


@pytest.fixture(scope="module")
def world():
    return Synthetic(trials=14, epochs=4, classes=5, groups=3, done=11, running=2, state="running")


@pytest.fixture(scope="module")
def store(world):
    store = Store(world.record)
    store.apply(list(world.events()))
    return store


def test_front_hypervolume_and_values_are_those_of_status(world, store, tmp_path) -> None:
    run = open_run(world.write(tmp_path / "run").root)
    with driver_lock(run.files):  # of a run without a driver, status says that nothing is running
        summary = summarise(run)
    assert store.front == set(summary.status.front)
    assert store.hypervolume == summary.status.hypervolume
    assert store.counts() == dict(summary.status.trials)
    for member in (*summary.front, *summary.baselines):
        model = store.model(member.id)
        assert model.values == pytest.approx(dict(member.values), nan_ok=True)


def test_series_are_the_reports_values(world, store) -> None:
    events = [event for event in world.events() if event["kind"] == "report" and event["id"] == "t0003"]
    for name in store.measures:
        expected = [
            math.nan if event["values"].get(name) is None else event["values"].get(name) for event in events
        ]
        assert store.series("t0003", name) == pytest.approx(expected, nan_ok=True)


def test_columns_agree_with_the_models(store) -> None:
    ids = [trial.id for trial in store.trials]
    rows = store.rows(ids)
    for name in store.measures:
        assert store.column(rows, name) == pytest.approx([store.value(i, name) for i in ids], nan_ok=True)
    assert store.in_state(rows, "done").tolist() == [store.model(i).state == "done" for i in ids]
    assert store.on_front(rows).tolist() == [i in store.front for i in ids]


def test_feeding_in_pieces_gives_the_same(world, store) -> None:
    pieces = Store(world.record)
    for event in world.events():
        pieces.apply([event])
        _ = pieces.front
    assert pieces.front == store.front
    assert pieces.hypervolume == store.hypervolume
    assert pieces.reports == store.reports


def test_revision_grows_and_dirty_names_the_models(world) -> None:
    store = Store(world.record)
    events = list(world.events())
    store.apply(events[:6])
    before = store.revision
    assert TEACHER in store.pop_dirty()
    assert store.pop_dirty() == set()
    store.apply(events[6:9])
    assert store.revision > before


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": "report"},
        {"t": 1.0, "kind": "report", "id": "t9999", "epoch": 1, "values": {}},
        {"t": 1.0, "kind": "report", "id": "t0000", "epoch": "x", "values": {}},
        {"t": 1.0, "kind": "trial", "id": 7},
        {"t": 1.0, "kind": "trial", "id": ["x"], "state": "done"},
        {"t": 1.0, "kind": "something new"},
    ],
)
def test_damaged_events_change_nothing(world, event) -> None:
    store = Store(world.record)
    store.apply(list(world.events()))
    front, count = store.front, store.reports
    store.apply([event])
    assert store.front == front
    assert store.reports == count


def test_references_are_those_of_the_pair(store) -> None:
    trial = store.model("t0000")
    assert store.reference(trial, "teacher").id == TEACHER
    assert store.reference(trial, "nds").id == NDS


def test_front_after_is_a_front_of_the_first_to_end(store) -> None:
    assert {t.id for t in store.front_after(1.0)} == store.front
    assert store.front_after(0.0) == []


def test_only_varied_settings_are_shown(store) -> None:
    assert store.varied == ["pair", "temperature", "alpha", "lr"]
    assert np.isfinite(store.value("t0000", "eod"))


def test_a_new_measure_in_mid_run_keeps_the_old_values(world) -> None:
    store = Store(world.record)
    store.apply(list(world.events()))
    before = store.series("t0003", "accuracy").copy()
    extra = {f"new{k}": 0.5 for k in range(20)}
    store.apply([{"t": 9e9, "kind": "report", "id": "t0012", "epoch": 4, "seconds": 1.0, "values": extra}])
    assert (store.series("t0003", "accuracy") == before).all()
    assert store.series("t0012", "new7")[-1] == 0.5
    assert np.isnan(store.series("t0003", "new7")).all()


def test_a_trial_of_many_epochs_takes_memory_as_it_reports() -> None:
    world = Synthetic(trials=1, epochs=2, classes=2, exact=False)
    store = Store(world.record)
    trial = {
        "t": 1.0,
        "kind": "trial",
        "id": "t0000",
        "model": "student",
        "epochs": 10**6,
        "state": "running",
    }
    store.apply([{**trial, "config": world.config(0)}])
    for epoch in range(1, 1001):
        values = {"accuracy": epoch / 1000, **({"eod": 0.5} if epoch > 500 else {})}
        store.apply(
            [{"t": 2.0, "kind": "report", "id": "t0000", "epoch": epoch, "seconds": 1.0, "values": values}]
        )
        assert len(store._series["t0000"]) <= max(256, 2 * epoch)
    assert store.series("t0000", "accuracy").tolist() == [k / 1000 for k in range(1, 1001)]
    assert np.isnan(store.series("t0000", "eod")[:500]).all()
    assert (store.series("t0000", "eod")[500:] == 0.5).all()
