"""Two runs beside each other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kdtune.cli import main
from kdtune.errors import InputError
from kdtune.pareto import hypervolume
from kdtune.runs.comparison.two_runs import compare_runs
from kdtune.runs.measures.measure import Direction, OwnMeasure
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run, open_run
from kdtune.runs.writer import RunWriter

SPACE = {
    "dataset": {"name": "d"},
    "search": {"alpha": {"low": 0, "high": 1}},
    "sampler": "tpe",
    "about": "one",
}
MakeRun = Callable[..., tuple[RunFiles, RunWriter]]
Student = tuple[float, float, float]
"""Temperature, accuracy, EOD."""


@pytest.fixture
def run_of(make_run: MakeRun) -> Callable[..., Run]:
    """Return a function that writes a run with these students."""

    def make(name: str, students: list[Student], **options: Any) -> Run:
        files, writer = make_run(name, **{"space": SPACE, **options})
        for number, (temperature, accuracy, eod) in enumerate(students):
            model = f"t{number:04d}"
            writer.model_started(model, "student", {"temperature": temperature, "seed": number}, 2)
            writer.values(model, {"accuracy": accuracy, "eod": eod})
            writer.model_state(model, "done")
        writer.close()
        return open_run(files.root)

    return make


def test_fronts_are_held_against_each_other_on_one_reference(run_of: Callable[..., Run]) -> None:
    first = run_of("first", [(1, 0.9, 0.3), (2, 0.8, 0.1), (3, 0.5, 0.5)])
    second = run_of(
        "second", [(1, 0.9, 0.3), (2, 0.85, 0.1)], space={**SPACE, "sampler": "gp", "about": "other"}
    )
    found = compare_runs(first, second)
    assert [(d.section, d.key, d.first, d.second) for d in found.differences] == [
        ("space", "sampler", "tpe", "gp")
    ]
    one, other = found.sides
    assert (one.front, one.beaten, one.done) == (("t0000", "t0001"), ("t0001",), 3)
    assert (other.front, other.beaten) == (("t0000", "t0001"), ())
    box = hypervolume([[0.9, 0.3], [0.85, 0.1]], ["max", "min"], [-0.1, 1.1]) / 1.1**2
    assert found.hypervolume == pytest.approx(box)
    assert other.hypervolume == pytest.approx(box)
    assert one.beyond == pytest.approx(0)
    assert other.beyond == pytest.approx(box - one.hypervolume)
    assert other.beyond > 0
    assert [(twin.first, twin.second) for twin in found.twins] == [("t0000", "t0000"), ("t0001", "t0001")]
    assert found.twins[0].differences == {}
    assert found.twins[1].differences == {"accuracy": (0.8, 0.85)}
    assert (one.only, other.only) == (("t0002",), ())


def test_what_only_one_run_asked_for_is_one_difference(run_of: Callable[..., Run]) -> None:
    bound = {"constraints": {"accuracy": ">= 0.5"}}
    runs = [
        run_of(f"r{k}", [], space={**SPACE, **own}) for k, own in enumerate(({"constraints": {}}, bound, {}))
    ]
    for other in (runs[0], runs[2]):
        [found] = compare_runs(other, runs[1]).differences
        assert (found.section, found.key, found.second) == ("space", "constraints.accuracy", ">= 0.5")
        assert found.first is None
    assert compare_runs(runs[0], runs[2]).differences == ()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"dataset": {"name": "d", "fingerprint": "other", "splits": {}}}, "data differ in fingerprint"),
        ({"classes": ("a", "b", "d")}, "data differ in classes"),
        ({"attributes": {"sex": ("m", "f")}}, "data differ in attributes"),
        ({"kind": "study"}, "second: a study has no front"),
        ({"objectives": ("dpd",)}, "no objective in common"),
    ],
)
def test_what_is_not_of_the_same_examples_is_not_compared(
    run_of: Callable[..., Run], options: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = run_of("first", [(1, 0.9, 0.3)]), run_of("second", [], **options)
    found = compare_runs(first, second)
    assert why in found.incomparable[0]
    assert (found.sides, found.twins) == ((), ())
    assert main(["compare", str(first.path), str(second.path)]) == 0
    said = capsys.readouterr()
    assert f"not compared: {found.incomparable[0]}" in said.err
    assert "Fronts" not in said.out


def test_only_common_objectives_count(run_of: Callable[..., Run]) -> None:
    first = run_of("first", [(1, 0.9, 0.3), (2, 0.8, 0.1)])
    second = run_of("second", [(1, 0.7, 0.3)], objectives=("accuracy", "dpd"))
    found = compare_runs(first, second)
    assert found.objectives == ("accuracy",)
    assert found.sides[0].front == ("t0000",)
    assert found.sides[1].front == ()  # its student has no dpd, so it is not on its front


def test_attributes_in_another_order_are_other_objectives(run_of: Callable[..., Run]) -> None:
    groups = {"sex": ("f", "m"), "race": ("x", "y")}
    first = run_of("first", [(1, 0.9, 0.3)], attributes=groups)
    second = run_of("second", [(1, 0.9, 0.3)], attributes=dict(reversed(groups.items())))
    found = compare_runs(first, second)
    assert "data differ in attributes" in found.incomparable[0]
    assert found.differences[0].first == {"sex": ["f", "m"], "race": ["x", "y"]}


def test_measures_of_the_same_name_are_compared_only_if_they_are_the_same(
    run_of: Callable[..., Run],
) -> None:
    def own(direction: Direction) -> dict[str, Any]:
        measure = OwnMeasure(direction, "mine", None, 0.0, 1.0)
        return {"objectives": ("accuracy", "mine"), "measures": {"mine": measure}}

    first, second = run_of("first", [], **own("max")), run_of("second", [], **own("min"))
    found = compare_runs(first, second)
    assert found.objectives == ("accuracy",)
    assert [(d.section, d.key) for d in found.differences] == [("measures", "mine")]
    assert compare_runs(first, run_of("third", [], **own("max"))).objectives == ("accuracy", "mine")


def test_the_command(run_of: Callable[..., Run], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run_of("first", [(1, 0.9, 0.3), (2, 0.8, 0.1)])
    run_of("second", [(1, 0.9, 0.3), (2, 0.85, 0.1)], space={**SPACE, "sampler": "gp"})
    assert main(["compare", "first", "second", "--runs-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "sampler" in out
    assert "front of both, from first: t0000" in out
    assert "in both: 2, of which 1 has other values" in out
    assert "t0001 and t0001: accuracy 0.800 and 0.850" in out
    assert main(["compare", "first", "second", "--runs-dir", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == ["first", "second"]
    assert found["sides"][0]["beaten"] == ["t0001"]
    run_of("third", [(1, 0.9, 0.3)])
    assert main(["compare", "first", "third", "--runs-dir", str(tmp_path)]) == 0
    assert "asked for the same" in capsys.readouterr().out
    assert main(["compare", "first", "secnod", "--runs-dir", str(tmp_path)]) == 2
    assert "did you mean 'second'" in capsys.readouterr().err


def test_a_run_is_not_compared_with_itself(run_of: Callable[..., Run], tmp_path: Path) -> None:
    run = run_of("one", [(1, 0.9, 0.3)])
    (tmp_path / "link").symlink_to(run.path)
    for other in (run, open_run(tmp_path / "link")):
        with pytest.raises(InputError, match="is the same run"):
            compare_runs(run, other)


def test_a_copy_of_the_same_name_is_told_apart_by_its_path(
    run_of: Callable[..., Run], tmp_path: Path
) -> None:
    run = run_of("one", [(1, 0.9, 0.3)])
    shutil.copytree(run.path, tmp_path / "copy" / "one")
    found = compare_runs(run, open_run(tmp_path / "copy" / "one"))
    assert found.runs == (str(run.path), str(tmp_path / "copy" / "one"))
    assert tuple(side.run for side in found.sides) == found.runs


def test_a_copy_dominates_nobody_though_training_examples_keep_a_student_on_the_front(
    make_run: MakeRun, tmp_path: Path
) -> None:
    """On validation alone, t0000 dominates t0001; what training examples say puts both on the front."""
    files, writer = make_run("kept", space=SPACE)
    for number, (own, seen) in enumerate([((0.9, 0.2), (0.8, 0.3)), ((0.89, 0.2), (0.8, 0.2))]):
        model = f"t{number:04d}"
        writer.model_started(model, "student", {"seed": number}, 1)
        told = [dict(zip(("accuracy", "eod"), values, strict=True)) for values in (own, seen)]
        event = {
            "t": 1.0,
            "kind": "report",
            "id": model,
            "epoch": 1,
            "values": told[0],
            "seen": told[1],
            "overfit": 0.0,
        }
        with open(files.events, "a") as file:
            file.write(json.dumps(event) + "\n")
        writer.model_state(model, "done")
    writer.close()
    copy = tmp_path / "copy"
    shutil.copytree(files.root, copy)
    found = compare_runs(open_run(files.root), open_run(copy))
    assert [side.front for side in found.sides] == [("t0000", "t0001")] * 2
    assert [side.beaten for side in found.sides] == [(), ()]
    assert [side.beyond for side in found.sides] == [0, 0]
    raw = compare_runs(open_run(files.root, raw=True), open_run(copy, raw=True))
    assert [side.front for side in raw.sides] == [("t0000",)] * 2
