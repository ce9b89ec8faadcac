"""What one would write without kdtune: Ray Tune's own pattern, as in its guides.

It has a function trainable in a fresh actor for each trial, a DataLoader that transforms image by image, the teacher in
every step, float32, `OptunaSearch`, fairlearn after each epoch, and Tune's defaults for everything else.
"""

# Ray pickles these functions by value, without the names that only annotations use.
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def main(task_file: str, result_file: str) -> None:
    """Run the sweep that a task describes and write each trial's last metrics."""
    import ray
    from optuna.distributions import FloatDistribution
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    task = json.loads(Path(task_file).read_text())
    ray.init(num_cpus=task["cores"], include_dashboard=False, log_to_driver=False)
    search = OptunaSearch(
        {name: FloatDistribution(**bounds) for name, bounds in task["space"].items()},
        metric=["accuracy", "eod"],
        mode=["max", "min"],
        points_to_evaluate=task["configs"],
    )
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(trainable, task=task), {"cpu": 1}),
        tune_config=tune.TuneConfig(search_alg=search, num_samples=len(task["configs"])),
        run_config=tune.RunConfig(name="by-hand", storage_path=task["storage"]),
    )
    results = tuner.fit()
    found = [results[k] for k in range(len(results))]
    rows = [
        {**(r.config or {}), **{k: r.metrics.get(k) for k in ("accuracy", "eod")}} for r in found if r.metrics
    ]
    Path(result_file).write_text(json.dumps(rows))
    ray.shutdown()


def trainable(config: dict[str, float], task: dict[str, Any]) -> None:
    """Train one student and report to Tune after each epoch."""
    from ray import tune

    train(config, task, tune.report)


def train(config: dict[str, float], task: dict[str, Any], report: Callable[[dict[str, float]], Any]) -> Any:
    """Train one student and return it; `report` gets the metrics of each epoch."""
    import safetensors.torch
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader

    from kdtune.models import build

    data = np.load(task["data"])
    shape, classes = tuple(task["input_shape"]), task["n_classes"]
    torch.manual_seed(config.get("seed", int(1e6 * config["alpha"])))
    student = build(task["student"], input_shape=shape, n_classes=classes)
    if "initial" in task:
        student.load_state_dict(safetensors.torch.load_file(task["initial"]))
    teacher = build(task["teacher"], input_shape=shape, n_classes=classes)
    teacher.load_state_dict(safetensors.torch.load_file(task["teacher_weights"]))
    teacher.eval()
    training, validation = datasets(data, task)
    loader = DataLoader(training, batch_size=task["batch_size"], shuffle=True)
    optimizer = make_optimizer(student, config["lr"], task)
    steps = task["epochs"] * len(loader)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    T, alpha = config["temperature"], config["alpha"]
    for _ in range(task["epochs"]):
        student.train()
        for inputs, labels in loader:
            with torch.no_grad():
                soft = teacher(inputs)
            logits = student(inputs)
            loss = alpha * T**2 * functional.kl_div(
                functional.log_softmax(logits / T, dim=1),
                functional.log_softmax(soft / T, dim=1),
                reduction="batchmean",
                log_target=True,
            ) + (1 - alpha) * functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        student.eval()
        predictions, labels = [], []
        with torch.no_grad():
            for inputs, batch in DataLoader(validation, batch_size=task["batch_size"]):
                predictions.append(student(inputs).argmax(dim=1).numpy())
                labels.append(batch.numpy())
        report(
            metrics(np.concatenate(labels), np.concatenate(predictions), data["validation_groups"], classes)
        )
    return student


def make_optimizer(student: Any, lr: float, task: dict[str, Any]) -> Any:
    import torch

    if task["optimizer"] == "adamw":
        return torch.optim.AdamW(student.parameters(), lr=lr, weight_decay=task["weight_decay"])
    return torch.optim.SGD(
        student.parameters(),
        lr=lr,
        momentum=task["momentum"],
        weight_decay=task["weight_decay"],
        nesterov=True,
    )


def datasets(data: Any, task: dict[str, Any]) -> tuple[Any, Any]:
    """Return training and validation data: images through PIL, tables unchanged."""
    import torch
    from PIL import Image
    from torch.utils.data import Dataset, TensorDataset
    from torchvision import transforms

    names = (("train_inputs", "train_labels"), ("validation_inputs", "validation_labels"))
    if data["train_inputs"].ndim != 4:
        training, validation = (
            TensorDataset(torch.from_numpy(data[x]), torch.from_numpy(data[y])) for x, y in names
        )
        return training, validation

    class Images(Dataset):  # type: ignore[type-arg]
        def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Any) -> None:
            self.images = images.transpose(0, 2, 3, 1)
            self.labels = labels
            self.transform = transform

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, k: int) -> tuple[Any, int]:
            image = self.images[k]
            picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
            return self.transform(picture), int(self.labels[k])

    augment: list[Any] = []
    if task["crop"]:
        augment.append(transforms.RandomCrop(data["train_inputs"].shape[2], padding=task["crop"]))
    if task["flip"]:
        augment.append(transforms.RandomHorizontalFlip())
    plain = [transforms.ToTensor(), transforms.Normalize(task["mean"], task["std"])]
    sets = [
        Images(data[x], data[y], transforms.Compose(steps))
        for (x, y), steps in zip(names, ([*augment, *plain], plain), strict=True)
    ]
    return sets[0], sets[1]


def metrics(
    labels: np.ndarray, predictions: np.ndarray, groups: np.ndarray, n_classes: int
) -> dict[str, float]:
    """Return accuracy and equalized odds difference; with more than two classes, its mean over one against the rest."""
    from fairlearn.metrics import equalized_odds_difference

    classes = [1] if n_classes == 2 else range(n_classes)
    eod = np.mean(
        [equalized_odds_difference(labels == c, predictions == c, sensitive_features=groups) for c in classes]
    )
    return {"accuracy": float((labels == predictions).mean()), "eod": float(eod)}


if __name__ == "__main__":
    main(*sys.argv[1:])
