"""Search spaces: every rule and its message; whatever YAML says gives a space or a SpaceError."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kdtune.errors import SpaceError
from kdtune.space.choices import number_of
from kdtune.space.reading import SEARCHABLE, Range, Space, extremes, parse_space, read_space, ready_spaces

GOOD: dict[str, Any] = {
    "dataset": {"name": "trifeature", "image_size": 32},
    "pairs": ["resnet20->lenet5", {"pair": "resnet8->lenet5", "search": {"lr": {"low": 0.01, "high": 0.1}}}],
    "search": {
        "temperature": {"low": 1, "high": 40, "log": True},
        "alpha": [0.1, 0.5],
        "batch_size": {"low": 16, "high": 64, "step": 16},
        "scale_by_t2": False,
        "optimizer": ["sgd", "adamw"],
    },
    "objectives": ["accuracy", "eod"],
    "constraints": {"accuracy": ">= majority + 0.05"},
    "budget": {"trials": 3, "epochs": 2},
    "train": {"lr": 0.01, "milestones": [0.5], "precision": "auto"},
    "teacher": {"epochs": 5},
    "seed": 1,
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """Return `GOOD` with one value replaced; `path` is dotted, numbers index lists."""
    space = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    inner: Any = space
    for parent in parents:
        inner = inner[int(parent)] if parent.isdigit() else inner.setdefault(parent, {})
    inner[int(last) if last.isdigit() else last] = value
    return space


def message(content: Any) -> str:
    with pytest.raises(SpaceError) as caught:
        parse_space(content, "my.yaml")
    text = str(caught.value)
    assert all(line.startswith("my.yaml: ") for line in text.splitlines()), text
    return text


def test_a_good_space() -> None:
    space = parse_space(GOOD, "my.yaml")
    assert [(p.teacher, p.student) for p in space.pairs] == [("resnet20", "lenet5"), ("resnet8", "lenet5")]
    assert space.search["temperature"] == Range(low=1, high=40, log=True)
    assert space.dataset.options == {"image_size": 32}
    assert space.train_config().epochs == 2
    assert space.train_config().milestones == (0.5,)
    assert space.train_config(lr=0.5).lr == 0.5
    assert (space.teacher_config().epochs, space.teacher_config().lr) == (5, 0.01)
    second = space.search_of(space.pairs[1])
    assert second["lr"] == Range(low=0.01, high=0.1)
    assert second["alpha"] == [0.1, 0.5]
    assert "lr" not in space.search_of(space.pairs[0])


def test_a_pair_s_own_entry_replaces_the_common_one() -> None:
    space = parse_space(with_value("pairs.1.search", {"alpha": 0.9}), "x")
    assert space.search_of(space.pairs[1])["alpha"] == 0.9
    assert space.search_of(space.pairs[0])["alpha"] == [0.1, 0.5]


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
        ("search.batch_size", 1, "search.batch_size: batch_size is 1: it must be at least 2"),
        ("pairs.0", "resnet20-lenet5", "'resnet20-lenet5' is not a pair: write 'teacher->student'"),
        ("pairs.0", "resnet20->", "is not a pair"),
        ("pairs.0", "a->b->c", "is not a pair"),
        ("pairs", [], "pairs: "),
        ("pairs", ["a->b", "a->b"], "pair 'a->b' is listed 2 times"),
        ("pairs", ["a->b", "a -> b"], "pair 'a->b' is listed 2 times"),
        ("objectives", [], "objectives: "),
        ("objectives", ["accuracy", "accuracy"], "an objective is listed twice"),
        ("objectives", "accuracy", "objectives: "),
        ("constraints", {"accuracy": 0.5}, "constraints.accuracy: "),
        ("budget", {"trials": None}, "budget: neither trials nor minutes"),
        ("budget.trials", 0, "budget.trials: "),
        ("budget.epochs", 0, "budget.epochs: "),
        ("budget.minutes", float("inf"), "budget.minutes: "),
        ("train.lr", "1e-3", "train.lr is '1e-3': it must be a finite number (in YAML 0.001 or 1.0e-3"),
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


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.dates()
    | st.binary(max_size=3)
    | st.sampled_from(["auto", "sgd", "a->b", "asha", "low", ">= 0.5", 10**400])
)
names = (
    st.sampled_from(
        [*Space.model_fields, *SEARCHABLE, "low", "high", "log", "step", "name", "pair", "trials"]
    )
    | st.text(max_size=4)
    | st.integers()
    | st.none()
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


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


paths = st.sampled_from(
    ["dataset", "dataset.name", "pairs", "pairs.0", "pairs.1.search", "pairs.1.search.lr", "search", "search.alpha",
     "search.temperature.low", "search.batch_size", "search.optimizer", "objectives", "objectives.0", "constraints",
     "constraints.accuracy", "budget", "budget.trials", "budget.minutes", "train", "train.lr", "train.milestones",
     "train.augment", "train.warmup", "teacher", "teacher.epochs", "sampler", "early_stopping", "resources", "seed"]
)  # fmt: skip


@settings(max_examples=300)
@given(paths, anything)
def test_a_good_space_with_one_value_replaced_is_a_space_or_a_space_error(path: str, value: Any) -> None:
    accepted_or_refused(with_value(path, value))


def test_to_dict_is_accepted_again_and_means_the_same() -> None:
    for text in [yaml.safe_dump(GOOD), *ready_spaces().values()]:
        space = parse_space(yaml.safe_load(text), "x")
        plain = json.loads(json.dumps(space.to_dict(), allow_nan=False))
        assert parse_space(plain, "y") == space


def test_ready_spaces_are_valid_and_say_what_they_are_for() -> None:
    for name, text in ready_spaces().items():
        space, stem = read_space(name)
        assert stem == name
        assert len(space.about) > 40, f"{name} should open with what it is for"
        assert space == parse_space(yaml.safe_load(text), name)


def write(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "not YAML"),
        ("a: b: c", "line 1: not YAML"),
        ("ok: 1\n\tx: 2", "line 2: not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
        ("a: 2026-13-45", "not YAML"),
        ("a: !!int x", "not YAML"),
        ("a: !!bool x", "not YAML"),
        ("a: !!timestamp x", "not YAML"),
        ("a: " + "9" * 5000, "not YAML"),
        ("? [1, 2]\n: 3", "not YAML"),
        ("a: *unknown", "not YAML"),
        ("[" * 5000, "too deeply"),
        ("", "holds nothing"),
        ("- a", "holds a list"),
        (b"\xff\xfe\xfa", "not readable"),
        ("a: \x01", "not YAML"),
        ("seed: 1\npairs: []\nseed: 2", "line 3: 'seed' is written twice: keep one"),
        ('search: {alpha: 0.5, lr: 1, "alpha": 0.9}', "line 1: 'alpha' is written twice"),
    ],
)
def test_a_file_that_is_no_space(tmp_path: Path, text: str | bytes, expected: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SpaceError) as caught:
        read_space(path, ["seed=1"])
    assert str(caught.value).startswith(path)
    assert expected in str(caught.value)


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"nowhere\.yaml: not readable \(No such file"):
        read_space(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(SpaceError, match="no search space 'trifeatur'; did you mean 'trifeature'"):
        read_space("trifeatur")


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seed=7", "seed", 7),
        ("budget.trials=9", "budget.trials", 9),
        ("budget.minutes=null", "budget.minutes", None),
        ("search.alpha=0.25", "search.alpha", 0.25),
        ("search.alpha=[0.25, 0.75]", "search.alpha", [0.25, 0.75]),
        ("search.lr={low: 0.1, high: 0.2}", "search.lr.low", 0.1),
        ("objectives=[accuracy]", "objectives", ["accuracy"]),
        ("dataset.path=a=b.csv", "dataset.path", "a=b.csv"),
        ("resources.workers=2", "resources.workers", 2),
        ("about=", "about", ""),
    ],
)
def test_set_replaces_one_value(tmp_path: Path, override: str, path: str, value: Any) -> None:
    file = write(tmp_path, yaml.safe_dump(GOOD))
    if override == "about=":
        with pytest.raises(SpaceError, match="about"):  # an empty value is null, which is no text
            read_space(file, [override])
        return
    inner: Any = read_space(file, [override])[0].to_dict()
    for part in path.split("."):
        inner = inner[part]
    assert inner == value


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("seed=[", "'[' is not a YAML value"),
        ("seed=2026-13-45", "is not a YAML value"),
        ("constraints={accuracy: '>= 0.9', accuracy: '<= 0.5'}", "'accuracy' is written twice: keep one"),
        ("seed.x=1", "'seed' holds a value, not keys"),
        ("pairs.0=a->b", "'pairs' holds a value, not keys"),
        ("budget.trials=many", "budget.trials"),
        ("budgt.trials=1", "unknown key 'budgt'; did you mean 'budget'?"),
        ("search.temperature.low=99", "low 99 is above high 40"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, expected: str) -> None:
    file = write(tmp_path, yaml.safe_dump(GOOD))
    with pytest.raises(SpaceError) as caught:
        read_space(file, [override])
    assert expected in str(caught.value)


keys = paths | st.text(max_size=12) | st.lists(st.text(max_size=4), max_size=4).map(".".join)
values = anything.map(lambda value: yaml.safe_dump(value, allow_unicode=True)) | st.text(max_size=20)


@settings(max_examples=300)
@given(st.lists(st.tuples(keys, values), min_size=1, max_size=3))
def test_whatever_is_set_gives_a_space_or_one_clear_message(pairs: list[tuple[str, str]]) -> None:
    """On the command line's own words: any key, any value, up to three of them."""
    overrides = [f"{key}={value}" for key, value in pairs]
    try:
        space, stem = read_space("default", overrides)
    except SpaceError as error:
        lines = str(error).split("\n")
        assert 1 <= len(lines) <= 5
        assert all(line.startswith(("default.yaml: ", "--set ")) for line in lines), lines
        return
    assert stem == "default"
    assert parse_space(json.loads(json.dumps(space.to_dict())), "again").search == space.search


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_text_after_set_is_taken_or_refused(text: str) -> None:
    said = ""
    try:
        read_space("default", [text])
    except SpaceError as error:
        said = str(error)
    assert len(said.split("\n")) <= 5


def test_set_below_a_key_that_is_left_empty(tmp_path: Path) -> None:
    file = write(tmp_path, "dataset: {name: trifeature}\npairs: [resnet20->lenet5]\ntrain:\n")
    assert read_space(file, ["train.lr=0.5"])[0].train == {"lr": 0.5}


def test_extremes() -> None:
    assert list(extremes(Range(low=1, high=2))) == [1, 2]
    assert list(extremes([3, 4])) == [3, 4]
    assert list(extremes("sgd")) == ["sgd"]


def test_what_a_merge_brings_in_may_be_replaced(tmp_path: Path) -> None:
    space = {key: value for key, value in GOOD.items() if key not in ("train", "teacher")}
    file = write(tmp_path, yaml.safe_dump(space) + "train: &t {lr: 0.3}\nteacher: {<<: *t, lr: 0.5}\n")
    assert read_space(file)[0].teacher.settings["lr"] == 0.5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("budget: {trials: yes}", "budget.trials: a truth value is no number"),
        ("budget: {minutes: on}", "budget.minutes: a truth value is no number"),
        ("seed: true", "seed: a truth value is no number"),
        ("resources: {cpus_per_trial: yes}", "cpus_per_trial: a truth value is no number"),
        ("study: {temperatures: [1, yes]}", "temperatures: a truth value is no number"),
        ("budget: {trials: 1e3}", "budget.trials: '1e3' is not a number: YAML reads it as text, write 1000"),
        ("search: {lr: 1.25e-03x}", "search.lr: '1.25e-03x' is not a number"),
        ("seed: 99999999999999999999", "seed: Input should be less than or equal to 9007199254740992"),
        ("budget: {epochs: 10000000000000000}", "epochs: Input should be less than or equal to"),
        ("budget: {trials: 017}", "line 3: YAML reads 017 as 15"),
        ("search: {lr: 1:30}", "line 3: YAML reads 1:30 as 90"),
        ("search: {lr: 1:30.5}", "line 3: YAML reads 1:30.5 as 90.5"),
    ],
)
def test_numbers_are_not_what_yaml_makes_of_them(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(f"dataset: {{name: trifeature}}\npairs: [lenet5->mlp-16]\n{line}\n")
    with pytest.raises(SpaceError) as error:
        read_space(str(file))
    assert said in str(error.value)


def test_codes_with_a_leading_zero_must_be_quoted(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    text = "dataset: {name: table, path: x, label: y, groups: {zip: [%s, %s]}}\npairs: [mlp-4->linear]\n"
    file.write_text(text % ("01234", "08901"))
    with pytest.raises(SpaceError, match="YAML reads 01234 as 668: write that number, or quote 01234"):
        read_space(str(file))
    file.write_text(text % ('"01234"', '"08901"'))
    assert read_space(str(file))[0].dataset.options["groups"] == {"zip": ["01234", "08901"]}
    with pytest.raises(SpaceError, match="--set 'seed=010': YAML reads 010 as 8"):
        read_space(str(file), ["seed=010"])


@pytest.mark.parametrize("written", ["1e-3", "1.25e-3", "1e5", "3E8", "123456.7e0", "1e-300"])
def test_the_number_that_is_offered_is_the_one_that_was_meant(written: str) -> None:

    offered = yaml.safe_load(number_of(written))
    assert isinstance(offered, float)
    assert offered == float(written)
