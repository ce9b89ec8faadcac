"""Teachers that are several models: `a+b->student`."""

from pathlib import Path
from typing import Any

import pytest
import torch

import kdtune
from kdtune.data import Augmentation, Dataset
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.teachers.ensemble import EnsembleTraining
from kdtune.distill.teachers.signal import signal_of
from kdtune.distill.training import Training
from kdtune.distill.weights.module import module_of
from kdtune.errors import InputError
from kdtune.fairness import count
from kdtune.models import Ensemble, build, penultimate
from kdtune.report.evaluate.trained import load_trained
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs import ALL
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan
from kdtune.sweep.replicates import Source, replicated_job
from tests.conftest import SMALL_SPACE

PAIR = "mlp-16+mlp-8->linear"


def device_data(dataset: Dataset, job: Job) -> DeviceData:
    return DeviceData(
        Arrays.of(dataset), torch.device("cpu"), view_seed=job.view_seed, augment=job.train.augment
    )


def test_its_logits_are_the_mean_of_those_of_its_members_each_trained_by_itself(
    plan_of: Any, one_thread: None
) -> None:
    plan: Plan = plan_of(pairs=[PAIR], measures=["auc"], teacher={"epochs": 3})
    job = plan.baseline_job("teacher", "mlp-16+mlp-8")
    data = device_data(plan.dataset, job)
    training = EnsembleTraining(job, data, extras=plan.extras)
    while not training.done:
        training.step()
    alone = [Training(member, data).run() for member in job.members]
    logits = [predict_logits(model, data.validation) for model in alone]
    together = predict_logits(training.model.eval(), data.validation)
    torch.testing.assert_close(together, (logits[0] + logits[1]) / 2)

    first, second = training.reports
    labels = data.arrays.validation_labels
    for report, said in ((first, logits[0]), (second, together)):
        answers = said.argmax(dim=1).numpy()
        assert report.counts[ALL] == count(labels, answers, n_classes=2)
        assert 0 <= report.scalars["auc"] <= 1
    assert (first.epoch, second.epoch, job.train.epochs) == (1, 2, 2)
    assert first.predictions is None
    assert second.predictions is not None


def test_weights_go_back_into_a_model_built_from_the_record(plan_of: Any) -> None:
    plan: Plan = plan_of(pairs=[PAIR])
    job = plan.baseline_job("teacher", "mlp-16+mlp-8")
    again = Job.from_dict(job.to_dict())
    assert again == job
    assert again.key("data") == job.key("data")
    model = plan.module("teacher", "mlp-16+mlp-8")
    other = module_of(again, input_shape=plan.dataset.input_shape, n_classes=2)
    other.load_state_dict(model.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(model(x), other(x))


def test_a_single_model_has_the_key_that_it_had(plan_of: Any) -> None:
    assert "members" not in plan_of().baseline_job("teacher", "mlp-16").to_dict()


def test_features_of_all_members_stand_side_by_side(plan_of: Any) -> None:
    plan: Plan = plan_of(pairs=[PAIR])
    job = plan.baseline_job("teacher", "mlp-16+mlp-8")
    model = plan.module("teacher", "mlp-16+mlp-8").eval()
    data = device_data(plan.dataset, job)
    assert signal_of(model, data).features(0).shape == (64, 16 + 8)
    x = torch.randn(5, 4)
    assert isinstance(model, Ensemble)
    torch.testing.assert_close(penultimate(model, x)[:, :16], penultimate(model.members[0], x))


def test_members_of_one_architecture_differ_by_seed_and_so_do_repetitions(plan_of: Any) -> None:
    plan: Plan = plan_of(pairs=["mlp-8 + mlp-8->linear"])
    assert plan.space.pairs[0].pair == "mlp-8+mlp-8->linear"
    assert plan.single == (("teacher", "mlp-8"), ("nds", "linear"))
    job = plan.baseline_job("teacher", "mlp-8+mlp-8")
    assert len({member.seed for member in job.members}) == 2
    assert {member.view_seed for member in job.members} == {job.view_seed}
    again = [replicated_job(Source("teacher-x", "teacher", job, b""), k, 0) for k in (1, 2)]
    assert len({member.seed for other in (job, *again) for member in other.members}) == 6
    for other in again:
        assert {member.view_seed for member in other.members} == {other.view_seed}


def test_a_file_may_be_that_of_a_member(plan_of: Any, tmp_path: Path) -> None:
    torch.save(build("mlp-8", input_shape=(4,), n_classes=2).state_dict(), tmp_path / "mlp.pth")
    plan: Plan = plan_of(pairs=[PAIR], teacher={"weights": {"mlp-8": str(tmp_path / "mlp.pth")}})
    taken = plan.baseline_job("teacher", "mlp-16+mlp-8").members
    assert [member.weights is not None for member in taken] == [False, True]
    assert plan.file("teacher", "mlp-16+mlp-8") is None


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("mlp-16+->linear", "'+' joins teachers"),
        ("mlp-16->linear+linear", "'+' joins teachers"),
        ("mlp-16+mlpp-8->linear", "unknown model 'mlpp-8'"),
    ],
)
def test_what_is_no_ensemble_is_refused(pair: str, told: str, plan_of: Any) -> None:
    from kdtune.sweep.plan import check_names

    with pytest.raises(InputError) as refused:
        check_names(parse_space({"dataset": {"name": "trifeature"}, "pairs": [pair]}, "space"))
    assert told in str(refused.value)


def test_images_in_other_memory_layouts_are_read_alike(make_dataset: Any, plan_of: Any) -> None:
    images = torch.randint(0, 256, (64, 3, 8, 8), dtype=torch.uint8)
    labels = torch.arange(64) % 2
    from kdtune.data import Normalisation, Split

    split = Split(images, labels, {"sex": torch.arange(64) // 2 % 2, "age": torch.arange(64) // 4 % 2})
    data = make_dataset(
        train=split, validation=split, normalisation=Normalisation.of(images), augmentation=Augmentation()
    )
    train = {"channels_last": True, "precision": "bfloat16"}
    plan: Plan = plan_of(data, pairs=["resnet8+lenet5->lenet5"], train=train, teacher={"epochs": 1})
    job = plan.baseline_job("teacher", "resnet8+lenet5")
    training = EnsembleTraining(job, device_data(data, job))
    while not training.done:
        training.step()
    assert all(t.is_contiguous() for t in training.model.state_dict().values())
    assert all(member.train.channels_last for member in job.members)


def test_a_sweep_learns_from_one_and_exports_it_among_its_baselines(
    ray_session: None, tmp_path: Path
) -> None:
    pairs = ["lenet5->mlp-16", "lenet5 + resnet8->mlp-16"]
    run = kdtune.search(
        {
            **SMALL_SPACE,
            "pairs": pairs,
            "search": {"loss": ["kd", "hint"], "temperature": [2, 8], "alpha": 0.9},
            "enqueue": [{"pair": pairs[1], "loss": "hint"}, {"pair": pairs[1], "loss": "kd"}],
        },
        name="ensemble",
        directory=tmp_path,
    )
    assert run.status().state == "finished"
    teachers = {m.config["architecture"]: m for m in run.state().baselines.values() if m.kind == "teacher"}
    assert sorted(teachers) == ["lenet5", "lenet5+resnet8"]
    ensemble = teachers["lenet5+resnet8"]
    assert (ensemble.state, ensemble.epoch) == ("done", 2)
    assert list(run.trials()["pair"][:2]) == ["lenet5+resnet8->mlp-16"] * 2

    trained = load_trained(run, ensemble.id)
    module = trained.module(run)
    assert isinstance(module, Ensemble)
    assert len(module.members) == 2
    run_export(ExportRequest(run=run.path, replicates=1))
    exported = sorted((run.path / "export").glob("t*/config.json"))
    assert exported
    taught = [path for path in exported if "lenet5+resnet8" in path.read_text()]
    table = (run.path / "export" / "front.csv").read_text()
    assert not taught or "lenet5+resnet8" in table
