"""What a front shows beyond noise: its steps, what beats whom, and how often chance alone says so."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kdtune.fairness import count, mean_class_bias
from kdtune.runs.comparison import resolution
from kdtune.runs.comparison.resolution import Compared, Comparer, Resolution, resolve, rounded_up
from kdtune.runs.comparison.verdict import conclusion
from kdtune.runs.measures.objectives import MEASURES, Objective, References, front_mask
from kdtune.runs.predictions import Validation

BASELINES = {"nds": "nds-y", "teacher": "teacher-x"}


def drawn(rng: np.random.Generator, labels: np.ndarray, shared: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return answers of two classes that are right with these probabilities; half of the luck is that of all models."""
    luck = np.where(rng.random(len(labels)) < 0.5, shared, rng.random(len(labels)))
    return np.asarray(np.where(luck < right, labels, 1 - labels))


class Sweep:
    """Students and baselines on examples of two classes and two groups."""

    def __init__(self, seed: int, n: int = 1000, *, first: float = 0.4) -> None:
        self.rng = np.random.default_rng(seed)
        self.labels = self.rng.integers(2, size=n)
        self.groups = (self.rng.random(n) > first).astype(np.int64)
        self.shared = self.rng.random(n)
        self.objectives = [Objective.parse(name, ["sex"]) for name in ("accuracy", "eod")]
        self.models: dict[str, Compared] = {}

    def add(self, model_id: str, right: Sequence[float], role: str = "student") -> Compared:
        """Add a model that is right with these probabilities in the two groups."""
        answers = drawn(self.rng, self.labels, self.shared, np.array(right)[self.groups])
        counts = count(self.labels, answers, self.groups, n_classes=2, n_groups=2)
        values = {"accuracy": counts.accuracy, "eod": counts.eod}
        references = BASELINES if role == "student" else {}
        self.models[model_id] = Compared(model_id, role, values, answers, references)
        return self.models[model_id]

    def front(self) -> list[Compared]:
        students = [model for model in self.models.values() if model.role == "student"]
        rows = np.array([[model.values[o.name] for o in self.objectives] for model in students])
        members = [m for m, on in zip(students, front_mask(rows, self.objectives), strict=True) if on]
        return sorted(members, key=lambda model: -model.values["accuracy"])

    def comparer(self, models: int | None = None) -> Comparer:
        examples = Validation(self.labels, {"sex": self.groups})
        answers = {model.id: model.answers for model in self.models.values()}
        return Comparer(examples, self.objectives, 2, {"sex": 2}, models or len(self.models), answers)

    def resolve(self, models: int | None = None) -> Resolution:
        baselines = {model.id: model for model in self.models.values() if model.role != "student"}
        return resolve(self.front(), baselines, self.comparer(models))


def with_baselines(
    seed: int, students: int, right: Sequence[float], n: int = 1000, nds: Sequence[float] | None = None
) -> Sweep:
    sweep = Sweep(seed, n)
    sweep.add("nds-y", nds or right, "nds")
    sweep.add("teacher-x", right, "teacher")
    for k in range(students):
        sweep.add(f"t{k:04d}", right)
    return sweep


def test_members_that_do_not_differ_share_a_step() -> None:
    sweep = with_baselines(0, 4, [0.6, 0.85])
    sweep.add("t0009", [0.55, 0.55])
    found = sweep.resolve()
    front = [member.id for member in sweep.front()]
    assert front[-1] == "t0009"
    assert found.steps == (tuple(front[:-1]), ("t0009",))
    assert [found.step_of(member) for member in front] == [0] * (len(front) - 1) + [1]
    versus = found.versus("t0009", "nds")
    assert versus is not None
    assert (versus.better_in, versus.worse_in) == (("eod",), ("accuracy",))
    assert found.needed is None
    last = found.versus(front[-2], "neighbour")
    assert last is not None
    assert last.other == "t0009"
    assert last.differs


def test_baselines_that_dominate_a_member_are_named() -> None:
    sweep = with_baselines(1, 3, [0.6, 0.75], nds=[0.8, 0.8])
    found = sweep.resolve()
    for member in sweep.front():
        assert "nds-y" in found.dominated_by(member.id)
        versus = found.versus(member.id, "nds")
        assert versus is not None
        assert versus.dominates
        assert not versus.better_in
    assert not found.beats_a_baseline


def test_a_front_that_resolves_nothing_says_how_many_examples_would() -> None:
    sweep = with_baselines(2, 6, [0.7, 0.8], n=400)
    found = sweep.resolve()
    assert len(found.steps) == 1
    assert found.needed is not None
    assert found.needed > 400


def test_a_front_of_several_steps_resolves_something_even_if_no_neighbours_differ() -> None:
    sweep = with_baselines(9, 0, [0.61, 0.7])  # in the middle of the front
    for k in range(8):
        sweep.add(f"t{k:04d}", [0.62 - 0.003 * k, 0.78 - 0.016 * k])
    found = sweep.resolve()
    assert len(found.steps) > 1
    assert not any(versus.differs for versus in found.against)
    assert found.needed is None
    assert conclusion(found, ["accuracy", "eod"]).endswith(f"make {len(found.steps)} steps.")


def test_the_examples_that_are_called_for_do_resolve() -> None:
    """The same difference on as many examples as are called for: it is seen in half of the cases, or more."""
    small = with_baselines(3, 1, [0.72, 0.76], n=300, nds=[0.66, 0.74])
    needed = small.resolve(models=30).needed
    assert needed is not None
    versus = small.resolve(models=30).versus("t0000", "nds")
    assert versus is not None
    seen = 0
    for seed in range(8):
        sweep = Sweep(seed, needed)
        sweep.add("nds-y", [0.66, 0.74], "nds")
        sweep.add("teacher-x", [0.72, 0.76], "teacher")
        sweep.add("t0000", [0.72, 0.76])
        seen += sweep.resolve(models=30).needed is None
    assert seen >= 3


def test_class_bias_is_held_against_the_students_own_reference() -> None:
    sweep = Sweep(4, 2000)
    sweep.objectives = [Objective.parse(name, ["sex"]) for name in ("accuracy", "class_bias_teacher")]
    teacher = sweep.add("teacher-x", [0.9, 0.9], "teacher")
    for model_id, role in (("nds-y", "nds"), ("t0000", "student")):
        model = sweep.add(model_id, [0.7, 0.7], role)
        if role == "nds":  # it loses class 1
            model.answers[(sweep.labels == 1) & (sweep.rng.random(2000) < 0.4)] = 0
    counts = {m.id: count(sweep.labels, m.answers, n_classes=2) for m in sweep.models.values()}
    references = References(teacher=counts["teacher-x"])
    for model in sweep.models.values():
        bias = mean_class_bias(counts[model.id], references.teacher)  # type: ignore[arg-type]
        sweep.models[model.id] = Compared(
            model.id,
            model.role,
            {**model.values, "class_bias_teacher": bias},
            model.answers,
            model.references,
        )
    found = sweep.resolve()
    versus = found.versus("t0000", "nds")
    assert versus is not None
    assert "class_bias_teacher" in versus.better_in
    own = found.versus("t0000", "teacher")
    assert own is not None
    assert [d.tested for d in own.differences] == [True, False]  # a reference has no bias against itself
    assert teacher.values["accuracy"] > 0.85


def test_weights_are_compared_as_they_are_and_what_has_no_test_is_named() -> None:
    sweep = with_baselines(5, 1, [0.7, 0.8])
    sweep.add("t0009", [0.7, 0.8])
    sweep.objectives = [
        Objective.parse(n, ["sex"]) for n in ("accuracy", "parameters", "individual_fairness")
    ]
    for k, model in enumerate(list(sweep.models.values())):
        values = {**model.values, "parameters": 100.0 * k, "individual_fairness": 0.1 * k}
        sweep.models[model.id] = Compared(model.id, model.role, values, model.answers, model.references)
    comparer = sweep.comparer()
    two = [sweep.models["t0000"], sweep.models["t0009"]]
    accuracy, parameters, individual = comparer.differences(*two)
    assert accuracy.better is None
    assert parameters.better is True
    assert (individual.better, individual.tested) == (None, False)
    assert resolve(two, {}, comparer).untested == ("individual_fairness",)


def test_a_latency_moves_by_itself_and_makes_nobody_different() -> None:
    """It is timed: of two students of one architecture, one is always a little slower."""
    sweep = with_baselines(5, 1, [0.7, 0.8])
    sweep.objectives = [Objective.parse(n, ["sex"]) for n in ("accuracy", "latency")]
    for k, model in enumerate(list(sweep.models.values())):
        sweep.models[model.id] = replace(model, values={**model.values, "latency": 0.5 + 0.001 * k})
    found = sweep.resolve()
    assert found.untested == ("latency",)
    assert not any("latency" in (*v.better_in, *v.worse_in) for v in found.against)


def test_the_document_names_what_is_tested() -> None:
    text = (Path(__file__).parents[3] / "docs" / "measures.md").read_text(encoding="utf-8")
    [section] = re.findall(r"## What is tested against noise\n(.*?)\n## ", text, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", section)) - {"status"}
    tested = {
        name for name in MEASURES if resolution._test_of(Objective(name, MEASURES[name], "all")) is not None
    }
    assert named == tested | set(resolution.EXACT)


def test_no_pair_is_compared_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = with_baselines(0, 4, [0.7, 0.8])
    baselines = {model.id: model for model in sweep.models.values() if model.role != "student"}
    comparer = sweep.comparer()
    first = resolve(sweep.front(), baselines, comparer)
    monkeypatch.setattr(resolution, "compare", lambda *_, **__: pytest.fail("it was known"))
    assert resolve(sweep.front(), baselines, comparer) == first


def test_the_number_of_models_is_rounded_up() -> None:
    assert [rounded_up(n) for n in (1, 10, 11, 62)] == [10, 10, 20, 70]


def test_everything_is_plain_json() -> None:
    import json

    record = with_baselines(0, 3, [0.7, 0.8]).resolve().to_dict()
    json.dumps(record)
    assert {"better_in", "worse_in", "differs", "dominates"} <= set(record["against"][0])


FALSE_ALARMS = [
    pytest.param([0.7, 0.8], 1000, id="a gap of 0.1"),
    pytest.param([0.75, 0.75], 1000, id="no gap"),
    pytest.param([0.6, 0.9], 300, id="few examples"),
]


def false_alarms(right: Sequence[float], n: int, students: int, sweeps: int) -> float:
    """Return in how many sweeps of equal models anything is said to differ."""
    wrong = 0
    for seed in range(sweeps):
        found = with_baselines(seed, students, right, n).resolve()
        wrong += any(versus.differs for versus in found.against) or len(found.steps) > 1
    return wrong / sweeps


@pytest.mark.parametrize(("right", "n"), FALSE_ALARMS)
def test_equal_models_are_not_told_apart(right: Sequence[float], n: int) -> None:
    """The front is the luckiest of 30 equal students: nothing on it is to be called different, in 95 of 100 sweeps."""
    assert false_alarms(right, n, 30, 10) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("right", "n"), FALSE_ALARMS)
@pytest.mark.parametrize("students", [3, 40])
def test_in_all_a_front_has_a_false_alarm_in_one_of_twenty_sweeps(
    right: Sequence[float], n: int, students: int
) -> None:
    assert false_alarms(right, n, students, 200) <= 0.05


def uncovered(n: int, students: int, sweeps: int) -> float:
    """Return in how many sweeps any interval of a front misses the true difference.

    Students differ in truth, and the front holds those that luck favoured.
    """
    wrong = 0
    for seed in range(sweeps):
        sweep = Sweep(seed, n)
        rights = sweep.rng.uniform(0.6, 0.85, (students + 2, 2))
        rights[1:, 1] = rights[1:, 0] + sweep.rng.choice([0.0, 0.08], students + 1)  # some have no gap at all
        names = ["nds-y", "teacher-x", *(f"t{k:04d}" for k in range(students))]
        true = {}
        for name, right in zip(names, rights.tolist(), strict=True):
            sweep.add(name, right, {"nds-y": "nds", "teacher-x": "teacher"}.get(name, "student"))
            true[name] = {
                "accuracy": float(np.array(right)[sweep.groups].mean()),
                "eod": abs(right[0] - right[1]),
            }
        wrong += any(
            not d.low - 1e-9
            <= true[versus.model][d.objective] - true[versus.other][d.objective]
            <= d.high + 1e-9
            for versus in sweep.resolve().against
            for d in versus.differences
        )
    return wrong / sweeps


def test_the_intervals_of_a_chosen_front_cover_the_true_differences() -> None:
    assert uncovered(1000, 20, 10) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "students"), [(300, 40), (1000, 3), (1000, 40)])
def test_in_all_an_interval_of_a_front_misses_in_one_of_twenty_sweeps(n: int, students: int) -> None:
    assert uncovered(n, students, 200) <= 0.05


def test_students_that_answer_the_same_are_compared_once() -> None:
    """On few examples, most of a front may be students that are right about all of them."""
    sweep = with_baselines(0, 1, (0.8, 0.8))
    for k in range(1, 150):
        sweep.models[f"t{k:04d}"] = replace(sweep.models["t0000"], id=f"t{k:04d}")
    comparer = sweep.comparer()
    baselines = {model.id: model for model in sweep.models.values() if model.role != "student"}
    found = resolve(sweep.front(), baselines, comparer)
    assert [len(step) for step in found.steps] == [150]
    assert len(found.against) == 149 + 2 * 150
    assert len(comparer.known) == 3 * len(sweep.objectives), "with each other, with NDS and with the teacher"
