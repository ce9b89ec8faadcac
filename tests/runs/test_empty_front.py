"""Why no student is on the front, at the end of a sweep and in `kdtune status`."""

from collections.abc import Callable

from kdtune.pareto import Constraint
from kdtune.runs.measures.objectives import in_words
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from kdtune.runs.summary import summarise
from kdtune.runs.writer import RunWriter

MakeRun = Callable[..., tuple[RunFiles, RunWriter]]


def test_a_sweep_without_a_front_says_why_and_what_to_do(make_run: MakeRun) -> None:
    bound = Constraint("accuracy", ">=", 0.9999)
    files, writer = make_run(constraints=(bound,), space={"constraints": {"accuracy": ">= 0.9999"}})
    assert summarise(open_run(files.root)).conclusion == ""
    for number, accuracy in enumerate((0.5, 0.75)):
        writer.model_started(f"t{number:04d}", "student", {}, 2)
        writer.values(f"t{number:04d}", {"accuracy": accuracy, "eod": 0.1})
        writer.model_state(f"t{number:04d}", "done")
    writer.close()
    assert summarise(open_run(files.root)).conclusion == (
        "No student is on the front: none of the 2 trials done is feasible: 2 break accuracy >= 0.9999 (the nearest "
        "has 0.7500): search longer, or with a weaker bound under 'constraints'."
    )


def test_the_nearest_is_one_of_those_that_break_the_bound(make_run: MakeRun) -> None:
    bounds = (Constraint("accuracy", ">=", 0.8), Constraint("eod", "<=", 0.2))
    files, writer = make_run(
        constraints=bounds, space={"constraints": {"accuracy": ">= 0.8", "eod": "<= 0.2"}}
    )
    for number, (accuracy, eod) in enumerate([(0.9, 0.5), (0.9, 0.3), (0.5, 0.1)]):
        writer.model_started(f"t{number:04d}", "student", {}, 2)
        writer.values(f"t{number:04d}", {"accuracy": accuracy, "eod": eod})
        writer.model_state(f"t{number:04d}", "done")
    writer.close()
    said = summarise(open_run(files.root)).conclusion
    assert "1 breaks accuracy >= 0.8 (the nearest has 0.5000)" in said
    assert "2 break eod <= 0.2 (the nearest has 0.3000)" in said


def test_an_objective_that_is_never_defined_is_named(make_run: MakeRun) -> None:
    files, writer = make_run()
    writer.model_started("t0000", "student", {}, 2)
    writer.values("t0000", {"accuracy": 0.5, "eod": float("nan")})
    writer.model_state("t0000", "done")
    writer.close()
    assert summarise(open_run(files.root)).conclusion == (
        "No student is on the front: the only trial done is not feasible: 1 has an undefined objective, eod: search "
        "longer or, if the data never define eod, begin a new search without it."
    )


def test_a_bound_is_not_rounded() -> None:
    """A bound of 0.9999 that reads 1.000 is another one: nothing but a perfect student would meet it."""
    assert in_words(Constraint("accuracy", ">=", 0.9999)) == "accuracy >= 0.9999"
    assert in_words(Constraint("eod", "<=", 0.0004)) == "eod <= 0.0004"
