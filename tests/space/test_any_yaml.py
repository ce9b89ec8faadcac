"""Whatever YAML says gives a space or a SpaceError."""

import json
from typing import Any

from hypothesis import given, settings

from kdtune.errors import SpaceError
from kdtune.space.reading import parse_space
from tests.space.drawn import anything, paths
from tests.space.made import with_value


def accepted_or_refused(content: Any) -> None:
    try:
        space = parse_space(content, "fuzz.yaml")
    except SpaceError:
        return
    again = parse_space(json.loads(json.dumps(space.to_dict())), "again")
    assert again.search == space.search
    space.train_config()
    space.teacher_config()


@settings(max_examples=150)
@given(anything)
def test_any_yaml_is_a_space_or_a_space_error(content: Any) -> None:
    accepted_or_refused(content)


@settings(max_examples=300)
@given(paths, anything)
def test_a_good_space_with_one_value_replaced_is_a_space_or_a_space_error(path: str, value: Any) -> None:
    accepted_or_refused(with_value(path, value))
