"""Teachers and students from files: read as they were trained, and refused where they do not know the data."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import safetensors.torch
import torch
import yaml
from PIL import Image
from torch import nn

import kdtune
from kdtune import models
from kdtune.data import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.registry import datasets
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.training import Training, initial_model
from kdtune.errors import InputError
from kdtune.runs import ALL
from kdtune.space.reading import parse_space
from kdtune.sweep.from_files import check_knows
from kdtune.sweep.plan import Plan, Speed, make_plan
from kdtune.sweep.remote.allotment import Allotment, Node
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.teacher_server import TrainedTeacher, serve_teachers

CLASSES = ("dark", "dim", "light", "bright")


def tones(n_validation: int = 200) -> Dataset:
    """Return noisy images of four tones, most of them of the two in the middle, in two groups."""
    generator = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        labels = torch.tensor([0, 1, 1, 1, 1, 2, 2, 2, 2, 3])[torch.arange(n) % 10]
        noise = torch.randint(-40, 41, (n, 3, 16, 16), generator=generator)
        lamp = torch.randint(-22, 23, (n, 1, 1, 1), generator=generator)  # no two lie in the same light
        images = (70 + 40 * labels.view(-1, 1, 1, 1) + lamp + noise).clamp(0, 255)
        return Split(images.to(torch.uint8), labels, {"parity": torch.arange(n) // 10 % 2})

    train, validation, test = split(400), split(n_validation), split(200)
    groups = {"parity": ("even", "odd")}
    return Dataset(
        name="tones",
        classes=CLASSES,
        attributes=groups,
        train=train,
        validation=validation,
        normalisation=Normalisation.of(train.inputs),
        augmentation=Augmentation(),
        preprocessing={},
        fingerprint=fingerprint(train, validation, CLASSES, groups),
        open_test=lambda: test,
    )


@pytest.fixture(autouse=True)
def always_one_thread(one_thread: None) -> None:
    pass


@pytest.fixture(scope="module")
def own() -> nn.Module:
    """Return a teacher that somebody trained on pixels in [0, 1]."""
    arrays = replace(Arrays.of(tones()), mean=(0.0,) * 3, std=(1.0,) * 3)
    data = DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False)
    return Training(
        Job("lenet5", TrainConfig(epochs=12, lr=0.003, optimizer="adamw", batch_size=32), seed=0), data
    ).run()


@torch.inference_mode()
def own_logits(model: nn.Module, split: Split) -> torch.Tensor:
    return torch.as_tensor(model(split.inputs / 255))


def accuracy(logits: torch.Tensor, split: Split) -> float:
    return float((logits.argmax(dim=1) == split.labels).float().mean())


@pytest.fixture
def rolled(own: nn.Module, tmp_path: Path) -> Path:
    """Return a file of that teacher whose outputs are rolled by one."""
    state = {key: value.clone() for key, value in own.state_dict().items()}
    for name in ("fc3.weight", "fc3.bias"):
        state[name] = state[name].roll(1, dims=0)
    torch.save({"net": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "teacher.pth")
    return tmp_path / "teacher.pth"


READ_RIGHT = {"classes": ["bright", "dark", "dim", "light"], "normalisation": {"mean": 0, "std": 1}}


def space_of(file: Path, **changes: Any) -> dict[str, Any]:
    return {
        "dataset": {"name": "tones"},
        "pairs": ["lenet5->mlp-8"],
        "objectives": ["accuracy", "eod"],
        "budget": {"trials": 1, "epochs": 1},
        "train": {"precision": "float32", "channels_last": False, "lr": 0.01},
        "resources": {"workers": 1},
        **changes,
        "teacher": {"weights": str(file), **changes.get("teacher", {})},
    }


def plan_of(file: Path, dataset: Dataset | None = None, **changes: Any) -> Plan:
    return make_plan(parse_space(space_of(file, **changes), "space"), dataset or tones())


def checked(plan: Plan, role: str = "teacher") -> list[str]:
    """Try a plan's first model of a role, and return what is said."""
    name = next(name for which, name in plan.architectures if which == role)
    said: list[str] = []
    check_knows(plan.space, role, plan.baseline_job(role, name), plan.dataset, said.append)
    return said


def refusal(plan: Plan, role: str = "teacher") -> str:
    with pytest.raises(InputError) as caught:
        checked(plan, role)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_read_right_it_has_its_own_accuracy(own: nn.Module, rolled: Path) -> None:
    [line] = checked(plan_of(rolled, teacher=READ_RIGHT))
    expected = accuracy(own_logits(own, tones().validation), tones().validation)
    assert 0.8 < expected < 1, "neither a bad teacher nor a perfect one would show much"
    assert line == f"teacher lenet5 ({rolled}): accuracy {expected:.3f} on 200 validation examples"


def test_rolled_outputs_are_refused_with_the_order_that_would_do(own: nn.Module, rolled: Path) -> None:
    said = refusal(plan_of(rolled, teacher={"normalisation": READ_RIGHT["normalisation"]}))
    assert "of 4 classes: are its classes in another order, its inputs normalised otherwise?" in said
    assert "Saying the most frequent class alone gives 0.400" in said
    expected = accuracy(own_logits(own, tones().validation), tones().validation)
    assert f"With teacher: {{classes: [bright, dark, dim, light]}} it is {expected:.3f};" in said
    assert said.endswith("--set teacher.check=false goes on all the same")


def test_another_normalisation_is_refused_with_the_one_that_would_do(own: nn.Module, tmp_path: Path) -> None:
    torch.save(own.state_dict(), tmp_path / "own.pt")
    said = refusal(plan_of(tmp_path / "own.pt"))
    expected = accuracy(own_logits(own, tones().validation), tones().validation)
    assert f"With teacher: {{normalisation: {{mean: 0, std: 1}}}} it is {expected:.3f};" in said


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """Return a file of a model that says "dark" of everything."""
    model = kdtune.models.build("lenet5", input_shape=(3, 16, 16), n_classes=4)
    torch.save({key: value * 0 for key, value in model.state_dict().items()}, tmp_path / "blank.pt")
    return tmp_path / "blank.pt"


def test_what_nothing_usual_explains_is_refused_with_what_can_be_set(blank: Path) -> None:
    said = refusal(plan_of(blank))
    assert "accuracy 0.100 of 4 classes" in said
    assert "teacher.classes says what its outputs mean, teacher.normalisation what its inputs were" in said


@pytest.mark.parametrize(("asked", "precision"), [("auto", "float32"), ("bfloat16", "bfloat16")])
def test_a_teacher_that_is_taken_as_it_is_computes_exactly(rolled: Path, asked: str, precision: str) -> None:
    """Also where the machine measured that another precision is faster; in that, it has not its own accuracy."""
    plan = plan_of(rolled, teacher=READ_RIGHT, train={"precision": asked})
    plan = replace(plan, speeds={"lenet5": Speed("bfloat16"), "mlp-8": Speed("bfloat16")})
    assert plan.baseline_job("teacher", "lenet5").train.precision == precision
    assert plan.baseline_job("nds", "mlp-8").train.precision == "bfloat16"


def test_saying_the_most_frequent_class_alone_is_not_enough(tmp_path: Path) -> None:
    model = kdtune.models.build("lenet5", input_shape=(3, 16, 16), n_classes=4)
    state = {key: value * 0 for key, value in model.state_dict().items()}
    state["fc3.bias"][torch.bincount(tones().validation.labels).argmax()] = 1.0
    torch.save(state, tmp_path / "one.pt")
    said = refusal(plan_of(tmp_path / "one.pt"))
    assert "accuracy 0.400 of 4 classes" in said
    assert "Saying the most frequent class alone gives 0.400" in said


def test_a_check_that_is_not_wanted(rolled: Path) -> None:
    [line] = checked(plan_of(rolled, teacher={"check": False}))
    assert "on 200 validation examples" in line


def test_of_many_examples_some_are_enough(rolled: Path) -> None:
    many = tones(n_validation=3000)
    [line] = checked(plan_of(rolled, many, teacher=READ_RIGHT))
    assert line.endswith("on 500 validation examples")
    assert "With teacher: {classes" in refusal(
        plan_of(rolled, many, teacher={"normalisation": {"mean": 0, "std": 1}})
    )


def test_a_student_from_a_file_is_checked_alike(blank: Path, rolled: Path) -> None:
    def plan(**student: Any) -> Plan:
        return plan_of(rolled, pairs=["lenet5->lenet5"], student={"weights": str(blank), **student})

    said = refusal(plan(), "nds")
    assert said.startswith(f"student lenet5 ({blank}): accuracy 0.100 of 4 classes")
    assert "student.classes says what its outputs mean; --set student.check=false goes on" in said
    assert checked(plan(check=False), "nds")
    backwards = ["bright", "light", "dim", "dark"]  # what says "dark" then says "bright", as rarely right
    assert "accuracy 0.100" in refusal(plan(classes=backwards), "nds")


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ({"classes": ["dark", "dim", "light"]}, "teacher.classes: 'bright' is missing: list all 4 classes"),
        ({"classes": ["dark", "dim", "light", "birght"]}, "no class of the data; did you mean 'bright'?"),
        ({"classes": ["dark", "dim", "dim", "light"]}, "'dim' is listed 2 times"),
        ({"classes": "dark"}, "teacher.classes: not a list of class names"),
        ({"classes": [True, False]}, "put them in quotes"),
        ({"normalisation": {"mean": [0, 0], "std": 1}}, "mean has 2 numbers, and the images have 3 channels"),
        ({"normalisation": {"mean": 0}}, "teacher.normalisation.std: missing"),
        (
            {"normalisation": {"mean": [123.7, 116.3, 103.5], "std": [58.4, 57.1, 57.4]}},
            "a mean of 123.7 is not on the 0..1 scale: divide mean and std by 255",
        ),
        (
            {"normalisation": {"mean": 0, "std": 0}},
            "teacher.normalisation.std.0: it should be greater than 0, not 0",
        ),
        (
            {"normalisation": {"mean": 0, "sdt": 1}},
            "unknown key 'teacher.normalisation.sdt'; did you mean 'std'?",
        ),
        ({"weights": None, "classes": ["a"]}, "teacher: classes without weights"),
        ({"wieghts": "x"}, "teacher.wieghts is not a setting; did you mean 'weights'?"),
    ],
)
def test_what_can_t_be_is_refused(rolled: Path, teacher: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_of(rolled, teacher=teacher)
    assert expected in str(caught.value)


def test_a_student_has_no_normalisation_of_its_own(rolled: Path) -> None:
    with pytest.raises(InputError, match=r"unknown key 'student\.normalisation'"):
        plan_of(rolled, student={"weights": str(rolled), "normalisation": {"mean": 0, "std": 1}})
    with pytest.raises(InputError, match=r"student\.weights\.lenet: no pair has this student"):
        plan_of(rolled, student={"weights": {"lenet": str(rolled)}})
    with pytest.raises(InputError, match="do not fit 'mlp-8'"):
        plan_of(rolled, student={"weights": str(rolled)})


def test_trials_and_baselines_of_a_student_begin_from_its_file(rolled: Path) -> None:
    import optuna

    plan = plan_of(rolled, pairs=["lenet5->lenet5"], student={"weights": str(rolled)}, teacher=READ_RIGHT)
    _, job = plan.student(optuna.trial.FixedTrial({"temperature": 2.0, "alpha": 0.5}, number=0))
    nds, teacher = plan.baseline_job("nds", "lenet5"), plan.baseline_job("teacher", "lenet5")
    assert job.initial == nds.initial
    assert nds.initial is not None
    assert nds.initial.path == str(rolled.resolve())
    assert (job.weights, nds.weights, nds.train.epochs) == (None, None, 1)
    assert teacher.initial is None
    assert teacher.weights is not None
    assert teacher.weights.order == (1, 2, 3, 0)


def test_the_teacher_server_gives_its_own_logits(ray_session: None, own: nn.Module, rolled: Path) -> None:
    dataset = tones()
    plan = plan_of(rolled, dataset, teacher=READ_RIGHT)
    job = plan.baseline_job("teacher", "lenet5")
    arrays = Arrays.of(dataset)
    model = initial_model(job, DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False))
    teacher = TrainedTeacher(job, safetensors.torch.save(model.state_dict()))
    served = serve_teachers(
        ray.put(arrays),
        {"lenet5": teacher},
        UserCode.of(()),
        Allotment(1, 1, 0, (Node(2),)),
        view_seed=0,
        augment=False,
    )
    with served as client:
        signal = client.signal("lenet5")
        assert float((signal.logits(0) - own_logits(own, dataset.train)).abs().max()) < 1e-4
        predicted = own_logits(own, dataset.validation).argmax(dim=1).numpy()
        assert np.array_equal(signal.validation_predictions, predicted)


@pytest.fixture
def registered() -> Iterator[None]:
    kdtune.register_dataset("tones")(tones)
    yield
    datasets._items.pop("tones", None)


def test_a_sweep_and_its_export_have_the_teacher_s_own_accuracy(
    ray_session: None, registered: None, own: nn.Module, rolled: Path, tmp_path: Path
) -> None:
    from kdtune.report.export.run import ExportRequest, run_export

    space = space_of(rolled, teacher=READ_RIGHT, trivial="keep")
    run = kdtune.search(space, name="right", directory=tmp_path / "runs")
    dataset = tones()
    expected = accuracy(own_logits(own, dataset.validation), dataset.validation)
    assert run.reports("teacher-lenet5")[-1].counts[ALL].accuracy == pytest.approx(expected, abs=1e-3)
    _, findings = run_export(ExportRequest(run=run.path, out=tmp_path / "out"))
    [teacher] = [model for model in findings.baselines if model.role == "teacher"]
    test = dataset.open_test()
    assert teacher.value("accuracy") == pytest.approx(accuracy(own_logits(own, test), test), abs=1e-3)


def test_a_teacher_worse_than_a_student_without_it_stops_the_sweep(
    ray_session: None, registered: None, own: nn.Module, tmp_path: Path
) -> None:
    """It passes the first look, for it beats the most frequent class; the baselines show it."""
    state = {key: value.clone() for key, value in own.state_dict().items()}
    state["fc3.bias"][2] += 6  # says "light" of nearly everything
    torch.save(state, tmp_path / "light.pt")
    torch.save(own.state_dict(), tmp_path / "own.pt")
    space = space_of(
        tmp_path / "light.pt",
        teacher={"normalisation": READ_RIGHT["normalisation"]},
        pairs=["lenet5->lenet5"],
        student={"weights": str(tmp_path / "own.pt"), "check": False},
        budget={"trials": 1, "epochs": 6},
        train={"precision": "float32", "channels_last": False, "lr": 0.003, "optimizer": "adamw"},
    )
    with pytest.raises(InputError) as caught:
        kdtune.search(space, name="worse", directory=tmp_path / "runs")
    said = str(caught.value)
    [hits] = re.findall(r"accuracy (0\.\d+) of 4 classes: are its classes in another order", said)
    assert 0.4 < float(hits) < 0.7
    assert "On validation lenet5 trained without it has 0." in said
    assert "a new run with --set teacher.check=false" in said
    run = kdtune.open_run(tmp_path / "runs" / "worse")
    assert run.status().state == "failed"
    assert not run.trials().size


def test_a_misread_teacher_is_refused_before_anything_is_kept(
    registered: None, rolled: Path, tmp_path: Path
) -> None:
    space = space_of(rolled, teacher={"normalisation": READ_RIGHT["normalisation"]})
    with pytest.raises(InputError, match="are its classes in another order"):
        kdtune.search(space, name="misread", directory=tmp_path / "runs")
    assert not (tmp_path / "runs" / "misread").exists()


def test_the_how_to_s_teacher_and_student_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Path(__file__).parents[2] / "docs" / "teacher.md"
    text = guide.read_text(encoding="utf-8").partition("## A teacher of your own in ten lines")[2]
    space = parse_space(yaml.safe_load(text.split("```")[1].removeprefix("yaml\n")), "teacher.md")
    monkeypatch.chdir(tmp_path)
    for name in ("smiling", "serious"):
        for k in range(20):
            file = tmp_path / "faces" / name / f"{k}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), (k, 0, 0)).save(file)
    for name in ("resnet56", "resnet20"):
        model = models.build(name, input_shape=(3, 64, 64), n_classes=2)
        torch.save({"model_state_dict": model.state_dict()}, tmp_path / f"{name}.pth")
    plan = make_plan(space, kdtune.data.load(space.dataset.name, **space.dataset.options))
    teacher = plan.baseline_job("teacher", "resnet56").weights
    assert teacher is not None
    assert plan.dataset.classes == ("serious", "smiling")
    assert list(teacher.order or ()) == [1, 0]
    assert plan.baseline_job("nds", "resnet20").initial is not None
