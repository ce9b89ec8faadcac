import json

import numpy as np
import pytest

from kdtune.cli import main
from kdtune.errors import InputError
from kdtune.report.export.pick import Choice, knee, pick, spread_out
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.reader import Run

OBJECTIVES = [Objective.parse("accuracy", ["sex"]), Objective.parse("eod", ["sex"])]
CITY = "accuracy@city=Paris, Texas"
FRONT = [
    Choice(
        "t0000", {"accuracy": 0.9, "eod": 0.30, "dpd": 0.2, "f1": 0.5, "accuracy@age=<=25": 0.7, CITY: 0.8}
    ),
    Choice("t0001", {"accuracy": 0.88, "eod": 0.05, "dpd": float("nan")}),
    Choice("t0002", {"accuracy": 0.6, "eod": 0.0, "dpd": 0.0}),
]


@pytest.mark.parametrize(
    ("asked", "picked"),
    [
        ([], ["t0000", "t0001", "t0002"]),
        (["knee"], ["t0001"]),
        (["accuracy>=0.88"], ["t0000", "t0001"]),
        (["eod <= 0.05"], ["t0001", "t0002"]),
        (["eod<=0.05,accuracy>=0.7"], ["t0001"]),
        (["dpd<=1"], ["t0000", "t0002"]),
        (["t0002", "knee"], ["t0001", "t0002"]),
        (["f1>=0.5"], ["t0000"]),
        (["accuracy@age=<=25 >= 0.7,f1>=0.1"], ["t0000"]),
        ([f"{CITY}>=0.8"], ["t0000"]),
        ([f"eod<=0.3, {CITY} >= 0.8 ,accuracy>=0.5"], ["t0000"]),
        (["1"], ["t0001"]),
        (["9"], ["t0000", "t0001", "t0002"]),
    ],
)
def test_picks_in_the_front_s_order(asked: list[str], picked: list[str]) -> None:
    assert pick(FRONT, OBJECTIVES, asked) == picked


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("best", "knee"),
        ("0", "at least 1"),
        ("t0009", "t0000, t0001, t0002"),
        ("acuracy>=0.5", "did you mean 'accuracy'"),
        ("accuracy>=0.95", r"the nearest in accuracy is t0000 with 0\.9000"),
        ("accuracy>=1e", "not a number"),
        (f"{CITY.replace('Texas', 'Texs')}>=0.5", f"did you mean '{CITY}'"),
        ("", "knee"),
        ("eod<=0.05,", "knee"),
        (",eod<=0.05", "',eod' was not measured"),
        ("eod<=0.05,,accuracy>=0.7", "',accuracy' was not measured"),
        ("eod<=0.05 accuracy>=0.7", "'eod<=0.05 accuracy' was not measured"),
    ],
)
def test_what_names_nothing_is_an_error(asked: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        pick(FRONT, OBJECTIVES, [asked])


def test_knee_does_not_depend_on_units() -> None:
    parameters = [OBJECTIVES[0], Objective.parse("parameters", [])]
    values = np.array([[0.9, 1e6], [0.89, 1e4], [0.5, 1e3]])
    assert knee(values, parameters) == 1
    assert knee(values[:1], parameters) == 0


def test_the_members_taken_first_dominate_most() -> None:
    values = np.array([[m.values["accuracy"], m.values["eod"]] for m in FRONT])
    assert spread_out(values, OBJECTIVES, 3)[0] == 1  # 0.88 x 0.95 is more than 0.9 x 0.7 and 0.6 x 1
    assert sorted(spread_out(values, OBJECTIVES, 3)) == [0, 1, 2]


def test_list_opens_nothing_and_writes_nothing(small_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(small_run.path.rglob("*"))
    assert main(["export", str(small_run.path), "--list", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [m["id"] for m in json.loads(out)["front"]] == list(small_run.front().index)
    assert "knee" in err
    assert sorted(small_run.path.rglob("*")) == before


def test_bad_picks_cost_exit_code_2_before_any_work(
    small_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(small_run.path), "--pick", "best"]) == 2
    assert "knee" in capsys.readouterr().err
    assert not small_run.files.export.exists()
