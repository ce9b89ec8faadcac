"""The filter's language, term by term."""

import math

import pytest

from tui.sources.synthetic import Synthetic
from tui.state.filter import FilterError, complete, parse
from tui.state.order import ordered
from tui.state.store import Store
from tui.state.view import View


@pytest.fixture(scope="module")
def store():
    world = Synthetic(trials=16, epochs=3, classes=4, done=14, running=1, state="running")
    store = Store(world.record)
    store.apply(list(world.events()))
    return store


def passing(store, text, view=None):
    keep = parse(text, store, view or View())
    return {trial.id for trial in store.trials if keep(trial)}


def of(store, test):
    return {trial.id for trial in store.trials if test(trial)}


def test_terms(store) -> None:
    assert passing(store, "") == of(store, lambda t: True)
    assert passing(store, "state:running") == of(store, lambda t: t.state == "running")
    assert passing(store, "failed") == of(store, lambda t: t.state == "failed")
    assert passing(store, "pair:lenet5") == of(store, lambda t: "lenet5" in t.config["pair"])
    assert passing(store, "T>=4") == of(store, lambda t: t.config["temperature"] >= 4)
    assert passing(store, "alpha<0.5 T>4") == of(
        store, lambda t: t.config["alpha"] < 0.5 and t.config["temperature"] > 4
    )
    assert passing(store, "eod<0.3") == of(store, lambda t: t.values.get("eod", 9) < 0.3)
    assert passing(store, "front") == store.front
    assert passing(store, "!front") == of(store, lambda t: True) - store.front
    assert passing(store, "t0003") == {"t0003"}
    assert passing(store, "id=3") == {"t0003"}
    assert passing(store, "pinned", View(pinned=["t0002"])) == {"t0002"}


def test_what_is_written_as_in_speech(store) -> None:
    expected = passing(store, "alpha<0.5 T>4")
    assert passing(store, "alpha < 0.5 and T > 4") == expected
    assert passing(store, "alpha <0.5 AND T> 4") == expected
    assert passing(store, "and") == passing(store, "")
    assert passing(store, "state : running T != 4") == passing(store, "state:running T!=4")
    assert passing(store, "T>=4 !front and !failed") == passing(store, "T>=4 !front !failed")


def test_a_measure_of_one_group_is_compared_by_its_whole_name() -> None:
    store = Store(Synthetic(trials=4, epochs=1, classes=2).record)
    store.apply(list(Synthetic(trials=4, epochs=1, classes=2).events()))
    for k, trial in enumerate(store.trials):
        store.apply([{"t": 1.0, "kind": "values", "id": trial.id, "values": {"accuracy@color=red": k / 10}}])
        trial.values["accuracy@color=red"] = k / 10
    assert passing(store, "accuracy@color=red>=0.2") == {store.trials[2].id, store.trials[3].id}
    assert passing(store, "!accuracy@color=red>=0.2") == {store.trials[0].id, store.trials[1].id}


CITY = "accuracy@city=New York"


@pytest.fixture
def in_cities():
    world = Synthetic(trials=4, epochs=1, classes=2)
    store = Store(world.record)
    store.apply(list(world.events()))
    for k, trial in enumerate(store.trials):
        store.apply([{"t": 1.0, "kind": "values", "id": trial.id, "values": {CITY: k / 10}}])
        trial.values[CITY] = k / 10
        trial.config["loss"] = "one of mine" if k % 2 else "one of theirs"
    return store


@pytest.mark.parametrize(
    "text",
    [f'"{CITY}">=0.2', 'accuracy@city="New York" >= 0.2', f'"{CITY}" >=0.2 and epoch>=0', f'!"{CITY}"<0.2'],
)
def test_a_name_with_a_blank_stands_between_quotes(in_cities, text) -> None:
    assert passing(in_cities, text) == {trial.id for trial in in_cities.trials[2:]}


def test_a_value_with_a_blank_stands_between_quotes(in_cities) -> None:
    trials = in_cities.trials
    assert passing(in_cities, 'loss:"of mine"') == {trials[1].id, trials[3].id}
    assert passing(in_cities, f'loss : "of mine" "{CITY}">0.2') == {trials[3].id}
    assert passing(in_cities, 'loss:"a = b"') == set()
    with pytest.raises(FilterError, match="no trial has 'accuracy@city'"):
        parse(f"{CITY}>=0.2", in_cities, View())


def test_a_single_quote_is_a_character_of_its_own(in_cities) -> None:
    in_cities.trials[0].config["loss"] = 'a 24" screen'
    assert passing(in_cities, 'loss:24"') == {in_cities.trials[0].id}


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("accuracy@ci", 'accuracy@ci"ty=New York"'),
        ('"accuracy@ci', f'"{CITY}"'),
        ('front !"accuracy@ci', f'front !"{CITY}"'),
        ('loss:"of mine" fro', 'loss:"of mine" front'),
        ('"of mine fro', None),
    ],
)
def test_completion_between_quotes(in_cities, typed, completed) -> None:
    assert complete(typed, in_cities) == completed
    if completed is not None and CITY in completed.replace('"', ""):
        assert parse(f"{completed}>=0.2", in_cities, View()), "it can be read"


def test_an_undefined_value_passes_no_comparison(store) -> None:
    waiting = of(store, lambda t: not t.values)
    assert not passing(store, "eod>=0") & waiting
    assert not passing(store, "eod<=1") & waiting


@pytest.mark.parametrize(
    ("text", "word"),
    [("eo<0.1", "eo"), ("T>=", "missing"), ("eod<low", "not a number"), ("front or T>4", "no 'or'")],
)
def test_what_is_wrong_is_said(store, text, word) -> None:
    with pytest.raises(FilterError, match=word):
        parse(text, store, View())


def test_completion(store) -> None:
    assert complete("temp", store) == "temperature"
    assert complete("T>4 fro", store) == "T>4 front"
    assert complete("eod<0.1", store) is None


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["id", "state", "epoch", "eod", "temperature", "pair"])
def test_order_is_total_and_puts_the_undefined_last(store, column, descending) -> None:
    ids = ordered(store, View(sort=column, descending=descending), None)
    assert set(ids) == {t.id for t in store.trials}
    values = [store.value(i, "eod") for i in ids]
    if column == "eod":
        known = [v for v in values if not math.isnan(v)]
        assert known == sorted(known, reverse=descending)
        assert all(math.isnan(v) for v in values[len(known) :])


def test_pinned_trials_come_first_whatever_the_filter(store) -> None:
    view = View(pinned=["t0005"], sort="eod")
    assert ordered(store, view, parse("t0001", store, view)) == ["t0005", "t0001"]
