"""Checks in seconds what the comparisons rest on: both sides do the same work, and the simulations are exact."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import by_hand, front, scale


def check(data: Path) -> Iterator[str]:
    """Yield a line for each equality that holds.

    Raises:
        AssertionError: an equality does not hold.
    """
    with tempfile.TemporaryDirectory(prefix="kdtune-quick-") as folder:
        difference, metrics = same_training(Path(folder))
    assert difference < 1e-4, f"weights differ by {difference}"
    yield f"by hand and kdtune train the same student: weights differ by at most {difference:.1e}"
    for name, (theirs, ours) in metrics.items():
        assert abs(theirs - ours) < 1e-9, (name, theirs, ours)
        yield f"by hand and kdtune report the same {name}: {ours:.4f}"
    outcomes = [found for found in front.measure(front.QUICK, data) if "method" in found]
    people = [outcome for outcome in outcomes if outcome["data"].startswith("COMPAS")]
    # In seconds the students learn too little about the digits to differ.
    assert not people or min(min(outcome["epochs"]) for outcome in people) < 1, "early stopping stops nobody"
    for outcome in outcomes:
        if outcome["method"] == "none":
            assert outcome["epochs"] == [1.0] * len(outcome["epochs"]), outcome
            assert outcome["hypervolume"] == outcome["full_then"] or np.isnan(outcome["hypervolume"]).all(), (
                outcome
            )
        assert max(outcome["epochs"]) <= 1, outcome
        yield f"{outcome['data']}, {outcome['sampler']}, {outcome['method']}: {outcome['epochs'][0]:.2f} of the epochs"
    for n, workers, sampler in scale.QUICK:
        found = scale.cell(n, workers, sampler, more=4)
        assert found["ended"] == 4, found
        yield f"a run of {n} trials is taken up, and 4 more end ({sampler}, {workers} workers)"


def same_training(folder: Path) -> tuple[float, dict[str, tuple[float, float]]]:
    """Train one student by hand and with kdtune, from the same weights in the same batches.

    Returns:
        The largest difference of a weight, and (by hand, kdtune) of each metric of the last epoch.
    """
    import safetensors.torch
    import torch

    from kdtune.data import load
    from kdtune.distill import Arrays, DeviceData, Distillation, Job, TrainConfig, Training, signal_of
    from kdtune.models import build

    dataset = load(
        "trifeature", label="shape", sensitive="color", shapes=3, colors=2, n_train=48, n_validation=60, n_test=6
    )  # fmt: skip
    arrays = Arrays.of(dataset)
    # One batch per epoch, so that the order within it only affects rounding.
    train = TrainConfig(
        epochs=3, batch_size=len(dataset.train), optimizer="adamw", lr=0.003, weight_decay=0.01
    )
    job = Job("lenet5", train, 0, 0, Distillation("lenet5", 4.0, 0.7))
    data = DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=True)
    torch.manual_seed(1)
    teacher = build("lenet5", input_shape=arrays.input_shape, n_classes=arrays.n_classes).eval()
    training = Training(job, data, teacher=signal_of(teacher, data))
    for name, model in (("teacher", teacher), ("initial", training.model)):
        safetensors.torch.save_file(model.state_dict(), folder / f"{name}.safetensors")
    ours = training.run().state_dict()
    np.savez(
        folder / "data.npz",
        train_inputs=arrays.train_inputs,
        train_labels=arrays.train_labels,
        validation_inputs=arrays.validation_inputs,
        validation_labels=arrays.validation_labels,
        validation_groups=arrays.validation_groups["color"],
    )
    task: dict[str, Any] = {
        "data": str(folder / "data.npz"),
        "input_shape": arrays.input_shape,
        "n_classes": arrays.n_classes,
        "student": "lenet5",
        "teacher": "lenet5",
        "initial": str(folder / "initial.safetensors"),
        "teacher_weights": str(folder / "teacher.safetensors"),
        "batch_size": train.batch_size,
        "epochs": train.epochs,
        "optimizer": "adamw",
        "weight_decay": train.weight_decay,
        "mean": arrays.mean,
        "std": arrays.std,
        "crop": 0,
        "flip": False,
    }
    told: list[dict[str, float]] = []
    student = by_hand.train(
        {"temperature": 4.0, "alpha": 0.7, "lr": train.lr}, json.loads(json.dumps(task)), told.append
    )
    theirs = student.state_dict()
    counts = training.reports[-1].counts["color"]
    metrics = {
        "accuracy": (told[-1]["accuracy"], float(training.reports[-1].counts["all"].accuracy)),
        "EOD": (told[-1]["eod"], float(counts.eod)),
    }
    return max(float((ours[k] - theirs[k]).abs().max()) for k in ours), metrics
