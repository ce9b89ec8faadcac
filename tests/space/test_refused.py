"""Every rule of a search space and its message."""

from typing import Any

import pytest

from kdtune.errors import SpaceError
from kdtune.space.reading import parse_space
from tests.space.made import GOOD, with_value


def message(content: Any) -> str:
    with pytest.raises(SpaceError) as caught:
        parse_space(content, "my.yaml")
    text = str(caught.value)
    assert all(line.startswith("my.yaml: ") for line in text.splitlines()), text
    return text


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("serach", {}, "unknown key 'serach'; did you mean 'search'?"),
        ("str", 3, "unknown key 'str'"),
        ("budget.trails", 3, "unknown key 'budget.trails'; did you mean 'trials'? (known: trials, epochs, minutes)"),
        ("pairs.1.serch", {}, "unknown key 'pairs.1.serch'; did you mean 'search'?"),
        ("search.temperature.hihg", 3, "unknown key 'search.temperature.hihg'; did you mean 'high'?"),
        ("early_stopping.metod", "asha", "unknown key 'early_stopping.metod'; did you mean 'method'?"),
        ("resources.worker", 1, "unknown key 'resources.worker'; did you mean 'workers'?"),
        ("search.temprature", 3, "search.temprature: not searchable; did you mean 'temperature'?"),
        ("train.learning_rate", 3, "train.learning_rate is not a setting"),
        ("train.momentun", 0.9, "train.momentun is not a setting; did you mean 'momentum'?"),
        ("teacher.epoch", 9, "teacher.epoch is not a setting; did you mean 'epochs'?"),
        ("search.temperature", {"low": 40, "high": 1}, "search.temperature: low 40 is above high 1: swap them"),
        ("search.lr", {"low": 0, "high": 1, "log": True}, "search.lr: low 0 with log"),
        ("search.alpha", {"low": 0, "high": 1, "step": 0}, "step is above 0"),
        ("search.alpha", {"low": 0, "high": 1.5}, "search.alpha: alpha is 1.5: it must be in [0, 1]"),
        ("search.alpha", {"low": 0}, "search.alpha.high: missing"),
        ("search.alpha", [], "search.alpha: an empty list"),
        ("search.alpha", [0.5, 2], "search.alpha: alpha is 2: it must be in [0, 1]"),
        ("search.alpha", None, "search.alpha: neither a value, a list of values, nor a range"),
        ("search.alpha", [[1]], "search.alpha: neither a value, a list of values, nor a range"),
        ("pairs.1.search.lr", {"lo": 1}, "unknown key 'pairs.1.search.lr.lo'; did you mean 'low'?"),
        ("search.temperature", 0, "search.temperature: temperature is 0: it must be above 0"),
        ("search.temperature", float("inf"), "search.temperature"),
        ("search.temperature", {"low": 1, "high": float("inf")}, "search.temperature"),
        ("search.temperature", {"low": 1, "high": float("nan")}, "search.temperature"),
        ("search.temperature", True, "search.temperature: True is not a number"),
        ("search.lr", ["1e-3"], "search.lr: '1e-3' is not a number: YAML reads it as text, write 1.0e-03"),
        ("search.lr", "fast", "search.lr: 'fast' is not a number"),
        ("search.lr", [0], "search.lr: lr is 0: it must be above 0"),
        ("search.optimizer", ["adam"], "search.optimizer: optimizer is 'adam': it must be 'sgd' or 'adamw'"),
        ("search.batch_size", [16, 16.5], "search.batch_size: 16.5 is not a whole number"),
        ("search.batch_size", {"low": 16, "high": 64, "step": 0.5}, "search.batch_size: step 0.5 is not a whole"),
        ("search.batch_size", {"low": 1.5, "high": 64}, "search.batch_size: 1.5 is not a whole number"),
        ("search.lr", [0.1, 0.2, 0.1], "search.lr: 0.1 is listed 2 times: once is enough"),
        ("search.batch_size", 1, "search.batch_size: batch_size is 1: it must be at least 2"),
        ("pairs.0", "resnet20-lenet5", "'resnet20-lenet5' is not a pair: write 'teacher->student'"),
        ("pairs.0", "resnet20->", "is not a pair"),
        ("pairs.0", "a->b->c", "is not a pair"),
        ("pairs", [], "pairs: "),
        ("pairs", ["a->b", "a->b"], "pairs: 'a->b' is listed 2 times: once is enough"),
        ("pairs", ["a->b", "a -> b"], "pairs: 'a->b' is listed 2 times: once is enough"),
        ("objectives", [], "objectives: "),
        ("objectives", ["accuracy", "accuracy"], "objectives: 'accuracy' is listed 2 times: once is enough"),
        ("objectives", "accuracy", "objectives: "),
        ("constraints", {"accuracy": 0.5}, "constraints.accuracy: "),
        ("budget", {"trials": None}, "budget: neither trials nor minutes"),
        ("budget.trials", 0, "budget.trials: "),
        ("budget.epochs", 0, "budget.epochs: "),
        ("budget.minutes", float("inf"), "budget.minutes: "),
        ("train.lr", "1e-3", "train.lr is '1e-3': it must be a finite number (in YAML 0.001 or 1.0e-3"),
        ("train.lr", "auto", "train.lr is 'auto': it must be a finite number"),
        ("train.optimizer", "auto", "train.optimizer is 'auto': it must be 'sgd' or 'adamw'"),
        ("teacher.batch_size", "auto", "teacher.batch_size is 'auto': it must be a whole number"),
        ("train.lr", float("inf"), "train.lr is inf: it must be a finite number"),
        ("train.batch_size", 64.5, "train.batch_size is 64.5: it must be a whole number"),
        ("train.augment", "yes", "train.augment is 'yes': it must be true or false"),
        ("train.milestones", 0.5, "train.milestones is 0.5: it must be a list of numbers"),
        ("train.milestones", ["a"], "train.milestones"),
        ("train.epochs", 9, "train.epochs: the length of a student's training is budget.epochs"),
        ("teacher.lr", None, "teacher.lr is None: it must be a finite number"),
        ("train", None, "train: "),
        ("sampler", "cmaes", "sampler: "),
        ("early_stopping", {"method": "asha", "measure": "eod"}, "early_stopping.measure: "),
        ("seed", -1, "seed: "),
        ("seed", "one", "seed: "),
        ("dataset", "trifeature", "dataset: "),
        ("dataset", {}, "dataset.name: missing"),
        ("dataset.name", 5, "dataset.name: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_the_remedy(path: str, value: Any, expected: str) -> None:
    assert expected in message(with_value(path, value))


def test_each_wrong_key_is_named() -> None:
    wrong = {**GOOD, "seeds": 1, "objective": []}
    text = message(wrong)
    assert "'seeds'" in text
    assert "'objective'" in text
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize("missing", ["dataset", "pairs"])
def test_what_is_missing_is_named(missing: str) -> None:
    assert message({k: v for k, v in GOOD.items() if k != missing}) == f"my.yaml: {missing}: missing"


@pytest.mark.parametrize(
    ("content", "kind"), [(None, "nothing"), ([], "a list"), ("x", "a str"), (3, "a int")]
)
def test_a_document_that_is_no_mapping(content: Any, kind: str) -> None:
    assert f"holds {kind}, not a search space" in message(content)
