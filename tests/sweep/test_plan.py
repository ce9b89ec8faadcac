"""What a space means on data: objectives, bounds, and the training that a configuration describes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

from kdtune import models
from kdtune.data import Split
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.training import Training
from kdtune.errors import DataError, InputError, SpaceError
from kdtune.runs.measures.known import MEASURES
from kdtune.runs.measures.own import measures, register_measure
from kdtune.space.reading import parse_space
from kdtune.space.schema import Space
from kdtune.sweep.plan import Speed, make_plan


def fixed_trial(number: int = 0, **params: Any) -> Any:
    return optuna.trial.FixedTrial(params, number=number)


def test_a_trial_means_the_training_that_it_says(plan_of: Any) -> None:
    plan = plan_of(
        search={"temperature": {"low": 1, "high": 9}, "alpha": 0.3, "lr": [0.1, 0.2], "scale_by_t2": False,
                "batch_size": {"low": 16, "high": 64, "step": 16}},
        train={"momentum": 0.5},
    )  # fmt: skip
    pair, job = plan.student(fixed_trial(3, temperature=2.5, lr=0.2, batch_size=32))
    assert (pair.teacher, pair.student) == ("mlp-16", "linear")
    assert (job.architecture, job.distillation.teacher) == ("linear", "mlp-16")
    assert (job.distillation.temperature, job.distillation.alpha) == (2.5, 0.3)
    assert job.distillation.scale_by_t2 is False
    assert (job.train.lr, job.train.momentum, job.train.batch_size, job.train.epochs) == (0.2, 0.5, 32, 2)
    assert isinstance(job.train.batch_size, int)


def test_a_range_in_steps_ends_at_its_last_step(plan_of: Any) -> None:
    plan = plan_of(
        search={"temperature": {"low": 1, "high": 2, "step": 5}, "alpha": {"low": 0, "high": 1, "step": 0.3},
                "batch_size": {"low": 16, "high": 64, "step": 7}},
    )  # fmt: skip
    trial = fixed_trial(temperature=1.0, alpha=0.9, batch_size=58)
    plan.student(trial)  # Optuna would warn, and --from would know none of the trials
    highest = {name: distribution.high for name, distribution in trial.distributions.items()}
    assert highest == {"temperature": 1.0, "alpha": 0.9, "batch_size": 58}


def test_single_values_are_no_parameters_and_the_pair_is_one_only_where_there_are_several(
    plan_of: Any,
) -> None:
    plan = plan_of(search={"temperature": 4, "alpha": [0.5]})
    trial = fixed_trial()
    plan.student(trial)
    assert trial.distributions == {}
    two = plan_of(pairs=["mlp-16->linear", "mlp-8->linear"], search={"alpha": 0.5})
    trial = fixed_trial(pair="mlp-8->linear")
    assert two.student(trial)[0].teacher == "mlp-8"
    assert set(trial.distributions) == {"pair"}


def test_an_entry_of_one_pair_exists_for_that_pair_only(plan_of: Any) -> None:
    plan = plan_of(
        pairs=["mlp-16->linear", {"pair": "mlp-8->linear", "search": {"lr": {"low": 0.5, "high": 0.9},
                                                                      "alpha": {"low": 0.8, "high": 0.9}}}],
        search={"temperature": 4, "alpha": {"low": 0, "high": 0.2}},
    )  # fmt: skip
    first = fixed_trial(pair="mlp-16->linear", alpha=0.1)
    _, job = plan.student(first)
    assert set(first.distributions) == {"pair", "alpha"}
    assert job.distillation.alpha == 0.1
    assert job.train.lr == plan.space.train_config().lr
    second = fixed_trial(pair="mlp-8->linear", **{"lr (mlp-8->linear)": 0.7, "alpha (mlp-8->linear)": 0.85})
    _, job = plan.student(second)
    assert (job.train.lr, job.distillation.alpha) == (0.7, 0.85)
    assert "alpha" not in second.distributions


def test_seeds_differ_by_trial_and_model_and_are_stable(plan_of: Any) -> None:
    plan = plan_of(search={"temperature": 4, "alpha": 0.5}, seed=3)
    seeds = [plan.student(fixed_trial(k))[1].seed for k in range(50)]
    baselines = [plan.baseline_job(*which).seed for which in plan.architectures]
    assert len({*seeds, *baselines}) == 52
    assert seeds == [plan.student(fixed_trial(k))[1].seed for k in range(50)]
    assert all(0 <= s < 2**31 for s in seeds)
    other = plan_of(search={"temperature": 4, "alpha": 0.5}, seed=4)
    assert other.student(fixed_trial(0))[1].seed != seeds[0]
    views = {plan.student(fixed_trial(k))[1].view_seed for k in range(5)}
    assert views == {3}, "all students see the crops that the teacher's logits are of"


def test_baselines_are_each_architecture_once_in_its_role(plan_of: Any) -> None:
    plan = plan_of(
        pairs=["mlp-16->linear", "mlp-16->mlp-8", "mlp-8->linear"], teacher={"epochs": 7, "lr": 0.5}
    )
    assert plan.architectures == (
        ("teacher", "mlp-16"), ("teacher", "mlp-8"), ("nds", "linear"), ("nds", "mlp-8"),
    )  # fmt: skip
    teacher, nds = plan.baseline_job("teacher", "mlp-8"), plan.baseline_job("nds", "mlp-8")
    assert (teacher.train.epochs, teacher.train.lr) == (7, 0.5)
    assert nds.train == plan.space.train_config()
    assert teacher.distillation is None
    assert nds.distillation is None


def test_speed_fills_only_what_the_space_leaves_open(plan_of: Any) -> None:
    fast = {"linear": Speed("bfloat16", True)}
    search = {"temperature": 4, "alpha": 0.5}
    opened = replace(plan_of(search=search), speeds=fast)
    assert opened.student(fixed_trial())[1].train.precision == "bfloat16"
    closed = replace(
        plan_of(search=search, train={"precision": "float32", "channels_last": "auto"}), speeds=fast
    )
    train = closed.student(fixed_trial())[1].train
    assert (train.precision, train.channels_last) == ("float32", True)


def test_objectives_go_by_one_name_each(plan_of: Any) -> None:
    plan = plan_of(objectives=["accuracy", "eod@sex", "eod@age"], constraints={"dpd@sex": "<= 0.5"})
    assert [o.name for o in plan.objectives] == ["accuracy", "eod", "eod@age"]
    assert [str(c) for c in plan.constraints] == ["dpd <= 0.5"]


def test_one_objective_under_two_names_is_refused(plan_of: Any) -> None:
    with pytest.raises(InputError, match="'eod' and 'eod@sex' are the same"):
        plan_of(objectives=["eod", "eod@sex"])


def test_bounds_know_the_majority_and_chance(plan_of: Any) -> None:
    plan = plan_of(constraints={"accuracy": ">= majority + 0.05", "worst_class_accuracy": ">= chance * 0.5"})
    assert [c.bound for c in plan.constraints] == pytest.approx([0.55, 0.25])


def test_extras_are_those_that_somebody_asked_for(plan_of: Any) -> None:
    assert plan_of().extras == ()
    assert plan_of(objectives=["accuracy", "latency"], constraints={"parameters": "<= 1000"}).extras == (
        "parameters",
        "latency",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"objectives": ["acuracy"]}, "did you mean 'accuracy'"),
        ({"objectives": ["eod@sx"]}, "did you mean 'sex'"),
        ({"constraints": {"acc": ">= 0.5"}}, "'acc'"),
        ({"constraints": {"accuracy": "> 0.5"}}, "cannot read '> 0.5'"),
        ({"constraints": {"accuracy": ">= majorty"}}, "did you mean 'majority'"),
        (
            {"constraints": {"accuracy": ">= majority + 0.6"}},
            "'>= majority + 0.6', 1.1 on these data, can never be",
        ),
        ({"constraints": {"worst_class_accuracy": ">= chance - 0.5"}}, "0 on these data, is always met"),
        (
            {"constraints": {"parameters": "<= 9"}},
            "parameters <= 9 can never be met: the students have linear 10",
        ),
        ({"pairs": ["mlp-16->liner"]}, "unknown model 'liner'"),
        ({"pairs": ["mlp-16->lenet5"]}, "lenet5"),
    ],
)
def test_what_does_not_fit_is_refused(plan_of: Any, changes: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_of(**changes)
    assert expected in str(caught.value)


def test_data_without_groups_refuse_eod(plan_of: Any, make_dataset: Any) -> None:
    with pytest.raises(InputError, match="'eod' needs groups"):
        plan_of(make_dataset(groups={}))
    assert plan_of(make_dataset(groups={}), objectives=["accuracy", "class_gap"]).objectives


def test_a_measure_that_no_model_can_have_is_refused(plan_of: Any, make_dataset: Any) -> None:
    """Group m has no example of the class high in validation: its true positive rate is undefined."""
    dataset = make_dataset()
    validation = dataset.validation
    sex = torch.where(validation.labels == 1, 0, validation.groups["sex"])
    broken = Split(validation.inputs, validation.labels, {**validation.groups, "sex": sex})
    with pytest.raises(InputError) as caught:
        plan_of(replace(dataset, validation=broken))
    message = str(caught.value)
    assert "'eod' is undefined for every model" in message
    assert "TPR of class 'high' in group 'm': no examples" in message
    assert plan_of(replace(dataset, validation=broken), objectives=["accuracy", "dpd"]).objectives
    assert plan_of(replace(dataset, validation=broken), objectives=["accuracy", "eod@age"]).objectives
    with pytest.raises(InputError, match="constraint 'eod' is undefined for every model"):
        plan_of(replace(dataset, validation=broken), objectives=["accuracy"], constraints={"eod": "<= 0.5"})
    beside = plan_of(replace(dataset, validation=broken), objectives=["accuracy"], measures=["eod"])
    assert [o.name for o in beside.asked if o.measure.name == "eod"] == ["eod"]


@pytest.fixture
def own_measures() -> Iterator[None]:
    """Measures that are undefined, or fail, for a model that makes no mistakes."""

    def of_mistakes(labels: Any, predictions: Any) -> float:
        print("looked")
        return float("nan") if (labels == predictions).all() else 0.5

    def failing(labels: Any) -> float:
        raise ZeroDivisionError("no mistakes")

    register_measure("of_mistakes", direction="min")(of_mistakes)
    register_measure("failing", direction="min")(failing)
    yield
    for name in ("of_mistakes", "failing"):
        del measures._items[name]


@pytest.mark.usefixtures("own_measures")
def test_a_measure_that_only_is_recorded_may_be_undefined(plan_of: Any, capsys: Any) -> None:
    assert plan_of(objectives=["accuracy"], measures=["of_mistakes"]).extras == ("of_mistakes",)
    assert capsys.readouterr() == ("", "looked\n")
    with pytest.raises(
        InputError, match=r"measure 'failing' failed: ZeroDivisionError: no mistakes \(test_plan"
    ):
        plan_of(objectives=["accuracy"], measures=["failing"])


@pytest.mark.usefixtures("own_measures")
@pytest.mark.parametrize(
    ("asked", "role"),
    [
        ({"objectives": ["accuracy", "of_mistakes"]}, "objective"),
        ({"objectives": ["accuracy"], "constraints": {"of_mistakes": "<= 0.5"}}, "constraint"),
    ],
)
def test_by_one_of_the_user_s_own_that_gives_nan_nothing_is_decided(
    plan_of: Any, asked: Any, role: str
) -> None:
    with pytest.raises(
        InputError, match=f"^{role} 'of_mistakes': the measure gives NaN for a model that is right"
    ):
        plan_of(**asked)


@pytest.mark.parametrize("asked", [{"objectives": ["accuracy", "individual_fairness"]},
                                   {"constraints": {"individual_fairness": "<= 0.5"}}])  # fmt: skip
def test_inputs_without_direction_are_refused_before_training(
    plan_of: Any, make_dataset: Any, asked: Any
) -> None:
    dataset = make_dataset()
    inputs = torch.zeros_like(dataset.validation.inputs)
    inputs[3, 1] = 1.0
    blank = replace(dataset, validation=replace(dataset.validation, inputs=inputs))
    with pytest.raises(
        InputError, match=r"'individual_fairness' is undefined for every model: of 64 .* 1 are not"
    ):
        plan_of(blank, **asked)
    inputs[9, 0] = 1.0  # two are enough: the others are left out
    plan_of(replace(dataset, validation=replace(dataset.validation, inputs=inputs)), **asked)
    codes = {
        side: replace(getattr(dataset, side), inputs=torch.ones(64, 4, dtype=torch.int64))
        for side in ("train", "validation")
    }
    text = replace(dataset, vocabulary=50, **codes)
    with pytest.raises(InputError, match="token ids have none"):
        plan_of(text, pairs=["bert-tiny->bert-tiny"], **asked)


def test_too_few_examples(plan_of: Any, make_dataset: Any) -> None:
    with pytest.raises(InputError, match="too few to train"):
        plan_of(make_dataset(n=1), objectives=["accuracy"])


def test_make_plan_takes_no_space_for_granted(make_dataset: Any) -> None:
    space = parse_space({"dataset": {"name": "blobs"}, "pairs": ["mlp-16->linear"]}, "x")
    assert make_plan(space, make_dataset()).speeds == {}


def test_a_teacher_with_weights_is_not_trained_and_checked_first(plan_of: Any, tmp_path: Path) -> None:
    file = tmp_path / "teacher.pt"
    torch.save(models.build("mlp-16", input_shape=(4,), n_classes=2).state_dict(), file)
    for weights in (str(file), {"mlp-16": str(file)}):
        plan = plan_of(teacher={"weights": weights, "epochs": 9})
        job = plan.baseline_job("teacher", "mlp-16")
        assert job.train.epochs == 1
        assert job.weights is not None
        assert plan.baseline_job("nds", "linear").weights is None
    assert plan_of().baseline_job("teacher", "mlp-16").weights is None
    torch.save(models.build("mlp-8", input_shape=(4,), n_classes=2).state_dict(), file)
    with pytest.raises(InputError, match="do not fit 'mlp-16': 3 of another shape"):
        plan_of(teacher={"weights": str(file)})
    with pytest.raises(SpaceError, match=r"teacher\.weights\.mlp-61: no pair has this teacher; did you mean"):
        plan_of(teacher={"weights": {"mlp-61": str(file)}})
    with pytest.raises(SpaceError, match=r"teacher\.weights: neither a file"):
        plan_of(teacher={"weights": 3})


@pytest.mark.parametrize(
    ("objectives", "bound"),
    [
        (["accuracy", "eod"], "over_majority >= 3.3"),
        (["class_gap", "dpd"], "over_majority >= 3.3"),
        (["worst_class_accuracy", "eod"], "answered_classes >= 2"),
        (["worst_class_accuracy", "accuracy"], "over_majority >= 3.3"),
    ],
)
def test_students_that_know_nothing_stay_off_the_front_unless_they_are_asked_for(
    plan_of: Any, objectives: list[str], bound: str
) -> None:
    assert str(plan_of(objectives=objectives, trivial="exclude").constraints[-1]) == bound
    assert plan_of(objectives=objectives, trivial="keep").constraints == ()
    assert parse_space({"dataset": {"name": "blobs"}, "pairs": ["a->b"]}, "x").trivial == "exclude"


def test_a_gap_that_rests_on_a_handful_is_refused_by_name(plan_of: Any, make_dataset: Any) -> None:
    """Groups are large enough, but one of them has two examples of a class: fewer than the data's min_group."""
    data = make_dataset(n=64)
    codes = data.validation.groups["sex"].clone()
    low = (data.validation.labels == 0) & (codes == 1)
    codes[low.nonzero().flatten()[2:]] = 0
    validation = replace(data.validation, groups={**data.validation.groups, "sex": codes})
    data = replace(data, validation=validation)
    strict = replace(data, min_group=10)
    with pytest.raises(
        DataError, match=r"objective 'eod' compares rates out of fewer than 10 .*'m' has 2 of class 'low'"
    ):
        plan_of(strict, objectives=["accuracy", "eod"])
    with pytest.raises(DataError, match="constraint 'eod' compares rates"):
        plan_of(strict, objectives=["accuracy", "dpd"], constraints={"eod": "<= 0.5"})
    assert plan_of(strict, objectives=["accuracy", "dpd"])
    assert plan_of(replace(data, min_group=2), objectives=["accuracy", "eod"])
    assert plan_of(data, objectives=["accuracy", "eod"]), "a loader without min_group sets no limit"
    for name in ("auc_difference", "worst_class_accuracy@sex=m"):  # out of both classes of a group
        with pytest.raises(DataError, match=f"'{name}' compares rates .*'m' has 2 of class 'low'"):
            plan_of(strict, objectives=["accuracy", name])
    assert plan_of(strict, objectives=["accuracy", "worst_class_accuracy@sex=f"])


def test_a_search_that_names_neither_t_nor_alpha_has_what_the_documents_say(plan_of: Any) -> None:
    _, job = plan_of(search={"lr": 0.1}).student(fixed_trial())
    assert job.distillation is not None
    assert (job.distillation.temperature, job.distillation.alpha) == (4, 0.5)
    text = (Path(__file__).parents[2] / "docs" / "spaces.md").read_text(encoding="utf-8")
    assert "all students have T = 4 and α = 0.5" in " ".join(text.split())
    assert "T is 4 and alpha 0.5" in " ".join(str(Space.__doc__).split())


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_can_be_optimised(name: str, plan_of: Any) -> None:
    """It is asked of a model that is always right, whose false alarms have no ratio."""
    objectives = [name] if name == "accuracy" else ["accuracy", name]
    assert plan_of(objectives=objectives).objectives[-1].name == name
    if MEASURES[name].need == "groups":
        sign = ">=" if MEASURES[name].direction == "max" else "<="
        assert plan_of(objectives=["accuracy"], constraints={name: f"{sign} 0.5"})


def test_the_worst_intersection_is_held_against_the_same_limit(plan_of: Any, make_dataset: Any) -> None:
    """Both attributes have large groups, and two examples share one of each: the worst accuracy is 0, ½ or 1 there."""
    data = make_dataset(n=64)
    sex = data.validation.groups["sex"]
    city = torch.ones_like(sex)
    city[(sex == 0).nonzero().flatten()[:2]] = 0
    city[(sex == 1).nonzero().flatten()[:10]] = 0
    validation = replace(data.validation, groups={"sex": sex, "city": city})
    train = replace(
        data.train, groups={"sex": data.train.groups["sex"], "city": torch.zeros_like(data.train.labels)}
    )
    attributes = {"sex": data.attributes["sex"], "city": ("north", "south")}
    data = replace(data, train=train, validation=validation, attributes=attributes, min_group=10)
    told = f"'worst_subgroup_accuracy' compares rates .*'{data.attributes['sex'][0]} north' has 2"
    with pytest.raises(DataError, match=told):
        plan_of(data, objectives=["accuracy", "worst_subgroup_accuracy"])
    assert plan_of(data, objectives=["accuracy", "dpd"], measures=["worst_subgroup_accuracy"])


@pytest.fixture
def frozen() -> Iterator[None]:
    """A model of the user's own, `frozen`, that nobody can train."""
    models.register_model("frozen")(lambda shape, n: torch.nn.Linear(*shape, n).requires_grad_(False))
    yield
    del models.models._items["frozen"]


def test_a_frozen_model_is_a_teacher_only_with_its_weights(
    plan_of: Any, make_dataset: Any, frozen: None, tmp_path: Path
) -> None:
    data = make_dataset()
    torch.save(torch.nn.Linear(*data.input_shape, 2).state_dict(), tmp_path / "frozen.pt")
    from_file = {"weights": {"frozen": str(tmp_path / "frozen.pt")}}
    for asked in ({"pairs": ["frozen->linear"]}, {"pairs": ["mlp-16->frozen"]},
                  {"pairs": ["mlp-16->frozen"], "student": from_file}):  # fmt: skip
        with pytest.raises(
            InputError, match="'frozen' has nothing that can be trained: all of its parameters"
        ):
            plan_of(data, **asked)
    plan = plan_of(data, pairs=["frozen->linear"], teacher=from_file)
    device_data = DeviceData(Arrays.of(data), torch.device("cpu"), view_seed=0, augment=False)
    assert Training(plan.baseline_job("teacher", "frozen"), device_data).step().epoch == 1
