"""The ready spaces: each parses, says what it is for, and matches the schema that editors use."""

import json
from importlib import resources

import jsonschema
import pytest
import yaml

from kdtune import models
from kdtune.data import check_options
from kdtune.space.reading import Space, parse_space, read_space, ready_spaces

SCHEMA = json.loads(resources.files("search_spaces").joinpath("schema.json").read_text(encoding="utf-8"))


def test_the_schema_file_is_that_of_the_code() -> None:
    assert Space.model_json_schema() == SCHEMA, (
        "write it anew: kdtune spaces --schema | python -m json.tool > search_spaces/schema.json"
    )


def test_the_default_comes_first() -> None:
    assert next(iter(ready_spaces())) == "default"
    assert {"default", "trifeature", "cifar10", "compas", "adult"} <= set(ready_spaces())


@pytest.mark.parametrize("name", ready_spaces())
def test_ready_space(name: str) -> None:
    content = yaml.safe_load(ready_spaces()[name])
    jsonschema.validate(content, SCHEMA)
    space = parse_space(content, name)
    assert "cores" in space.about, "say how long it takes"
    assert len(space.about) > 80, "say what it is for and what it needs"
    check_options(space.dataset.name, space.dataset.options)
    for pair in space.pairs:
        shape = {"table": (8,), "hatexplain": (48, 1000)}.get(space.dataset.name, (3, 32, 32))
        for architecture in (pair.teacher, pair.student):
            models.check(architecture, input_shape=shape)


def test_the_schema_refuses_what_the_code_refuses() -> None:
    content = yaml.safe_load(ready_spaces()["default"])
    content["serch"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, SCHEMA)


def test_ready_spaces_are_valid_and_say_what_they_are_for() -> None:
    for name, text in ready_spaces().items():
        space, stem = read_space(name)
        assert stem == name
        assert len(space.about) > 40, f"{name} should open with what it is for"
        assert space == parse_space(yaml.safe_load(text), name)
