"""The sweeps that are timed: what they train, on which data, and how much."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SGD = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 5e-4}
ADAMW = {"optimizer": "adamw", "weight_decay": 1e-2}


@dataclass(frozen=True)
class Workload:
    """One sweep.

    Attributes:
        goal: how many times faster than by hand it should be: solo, fused; None if there is no goal.
        peers: whether the other programs run it, too: each takes as long as by hand.
        by_hand: whether it is compared with by hand; a long sweep is compared with its floor alone.
    """

    name: str
    space: dict[str, Any]
    goal: tuple[float | None, float | None]
    peers: bool = False
    by_hand: bool = True

    @property
    def size(self) -> str:
        """Number of trials and epochs, for people."""
        return f"{self.space['budget']['trials']} × {self.space['budget']['epochs']}"


def workloads(data: Path, folder: Path, *, small: bool = False) -> list[Workload]:
    """Return the workloads; those on real data only if `data` contains it. `folder` may be written to.

    Args:
        small: sixteen trials each, on fewer images, for when an hour is too long.
    """
    from benchmarks.datasets import write_brightness

    n = 1000 if small else 2000
    few = 16
    rates = {"low": 1e-3, "high": 5e-2, "log": True}
    found = [
        _workload(
            "R20→LeNet-5, Trifeature",
            {
                "name": "trifeature", "label": "shape", "sensitive": "color", "shapes": 4, "colors": ["red", "blue"],
                "pixel_noise": {"red": 0.2, "blue": 0.6}, "n_train": n, "n_validation": 1000, "n_test": 40,
            },
            "resnet20->lenet5", (few, 2) if small else (40, 2), (12, 12), ADAMW,
            {"low": 1e-3, "high": 1e-2, "log": True},
        ),
        _workload(
            "R20→8×8 CNN, digits", {"name": "bench-digits"}, "resnet20->cnn8",
            (few, 4) if small else (48, 8), (None, 20), SGD, rates,
        ),
    ]  # fmt: skip
    if (data / "adult" / "adult.csv").exists():
        found.append(
            _workload(
                "MLP-256-128→MLP-16, Adult",
                {
                    "name": "table", "path": str((data / "adult" / "adult.csv").resolve()), "label": "income",
                    "positive": ">50K", "drop": ["fnlwgt", "education"], "sensitive": ["sex"],
                },
                "mlp-256-128->mlp-16", (few, 1) if small else (40, 2), (None, 20), SGD, rates,
                batch_size=128, peers=True,
            )
        )  # fmt: skip
    if (cifar := data / "cifar10").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        attributes = write_brightness(cifar, folder / "brightness.csv")
        images = {
            "name": "folder", "path": str(cifar.resolve()), "attributes": str(attributes), "sensitive": "brightness",
            "n_train": n, "n_validation": 1000, "validation": 0.3,
        }  # fmt: skip
        found += [
            _workload(
                "R56→LeNet-5, CIFAR-10",
                images,
                "resnet56->lenet5",
                (few, 2) if small else (40, 2),
                (20, 30),
                SGD,
                rates,
            ),
            _workload(
                "Long: R56→R20, CIFAR-10", images, "resnet56->resnet20", (few, 1) if small else (16, 18), (None, None),
                SGD, rates, by_hand=False,
            ),
            _workload("R56→R20, CIFAR-10", images, "resnet56->resnet20", (few, 1), (4.5, None), SGD, rates),
        ]  # fmt: skip
    return found


def _workload(
    name: str,
    dataset: dict[str, Any],
    pair: str,
    size: tuple[int, int],
    goal: tuple[float | None, float | None],
    protocol: dict[str, Any],
    lr: dict[str, Any],
    batch_size: int = 64,
    *,
    peers: bool = False,
    by_hand: bool = True,
) -> Workload:
    trials, epochs = size
    return Workload(
        name,
        {
            "dataset": dataset,
            "pairs": [pair],
            "search": {
                "temperature": {"low": 1, "high": 40, "log": True},
                "alpha": {"low": 0.0, "high": 1.0},
                "lr": lr,
            },
            "objectives": ["accuracy", "eod"],
            "budget": {"trials": trials, "epochs": epochs},
            "train": {**protocol, "batch_size": batch_size},
            "teacher": {"epochs": 2, "lr": 0.005 if protocol is ADAMW else 0.05},
            # The same configurations on both sides, every time, and no early stopping.
            "sampler": "random",
            "early_stopping": {"method": "none"},
        },
        goal,
        peers,
        by_hand,
    )
