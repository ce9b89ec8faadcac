"""The `study:` block: what is refused, and what follows from few seeds."""

from typing import Any

import pytest

from kdtune.errors import SpaceError
from kdtune.space.reading import parse_space
from kdtune.space.study import StudySpec


def space(**study: Any) -> dict[str, Any]:
    return {"dataset": {"name": "trifeature"}, "pairs": ["resnet8->lenet5"], "study": study}


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"seeds": [1, 2, 1]}, "1 is listed 2 times"),
        ({"seeds": 0}, "no seeds"),
        ({"seeds": "five"}, "study.seeds: 'five' is neither a number of seeds nor a list of seeds"),
        ({"seeds": [1, True]}, "study.seeds: [1, True] is neither"),
        ({"scale_by_t2": "all"}, "study.scale_by_t2: it should be True, False or 'both', not 'all'"),
        ({"temperatures": [1, 0]}, "0 is not a temperature"),
        ({"temperatures": [-2]}, "-2 is not a temperature"),
        ({"alpha": 1.5}, "in [0, 1]"),
        ({"temperaturs": [1]}, "temperatures"),
        ({"individual": {"feature": "raw"}}, "features"),
        ({None: "ratio"}, "null_is"),
    ],
)
def test_refused(study: dict[Any, Any], said: str) -> None:
    content = space()
    content["study"] = study
    with pytest.raises(SpaceError) as error:
        parse_space(content, "space")
    assert said in str(error.value)
    assert error.value.exit_code == 2


def test_few_seeds_are_said() -> None:
    assert "no test" in StudySpec(seeds=1).warnings[0]
    assert "3 seeds" in StudySpec(seeds=[4, 5, 9]).warnings[0]
    assert StudySpec(seeds=5).warnings == ()


def test_the_budget_is_the_number_of_students() -> None:
    content = space(temperatures=[1, 2, 4], seeds=2, scale_by_t2="both")
    assert parse_space(content, "space").as_study().budget.trials == 12
