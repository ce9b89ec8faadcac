"""Evaluates trained models on a split. The only code in kdtune that opens the test split is here."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from kdtune.data import load
from kdtune.data.dataset import Dataset, Split
from kdtune.distill.arrays import Arrays, DeviceData, inputs_of, tensor_of
from kdtune.distill.evaluation.counts import count_all
from kdtune.distill.evaluation.extras import measure_extras
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.teachers.logits import KnownLogits
from kdtune.errors import RunError
from kdtune.report.evaluate.trained import Trained
from kdtune.runs.records import Report

if TYPE_CHECKING:
    from kdtune.runs.reader import Run

TOLERATED = 0.01
"""Share of validation examples on which kept weights may give another answer than the run recorded, because another
processor rounds differently and low precision decides more of the close calls differently."""


@dataclass(frozen=True, eq=False)
class SplitData:
    """A split on which models are evaluated.

    Attributes:
        arrays: holds it where training keeps validation.
        rows: where each example stands in its table, int64 [n]; None if it comes from no table.
        ids: which example is which; None where the data do not say it.
    """

    name: str
    arrays: Arrays
    rows: np.ndarray | None = None
    ids: tuple[str, ...] | None = None

    @property
    def labels(self) -> np.ndarray:
        """Classes, int64 [n]."""
        return self.arrays.validation_labels

    @property
    def inputs(self) -> Tensor:
        """uint8 [n, c, h, w] or float32 [n, features]."""
        return tensor_of(self.arrays.validation_inputs)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What one model answered on one split.

    Attributes:
        logits: float32 [n, classes].
        report: the counts, and the measures beside them.
    """

    split: str
    logits: Tensor
    report: Report

    @property
    def predictions(self) -> np.ndarray:
        """Classes, int64 [n]."""
        return np.asarray(self.logits.argmax(dim=1).numpy())


def described_data(run: "Run") -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a run's data set, without loading it.

    Raises:
        RunError: the record does not describe it.
    """
    try:
        name, options = str(run.record.space["dataset"]["name"]), dict(run.record.dataset["options"])
        _ = run.record.dataset["input_shape"], run.record.dataset["splits"]["train"]["n"]
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.files.record}: damaged: it does not describe its data ({error!r})") from None
    return name, options


def load_data(run: "Run") -> Dataset:
    """Load the data of a run again.

    Raises:
        RunError: they are not the data that the run was made with.
        DataError: they can no longer be read.
    """
    name, options = described_data(run)
    dataset = load(name, **options)
    if dataset.fingerprint != run.record.dataset["fingerprint"]:
        raise RunError(
            f"{run.path}: the data have changed since the run began (fingerprint now {dataset.fingerprint[:12]}, then "
            f"{run.record.dataset['fingerprint'][:12]}): restore them, or search again"
        )
    return dataset


def validation_of(dataset: Dataset) -> SplitData:
    """Return the validation split."""
    return SplitData("validation", Arrays.of(dataset), ids=dataset.validation.ids)


def open_test(dataset: Dataset) -> SplitData:
    """Open the test split: nothing that is chosen or trained may come after this.

    Raises:
        DataError: it can't be read.
    """
    split: Split = dataset.open_test()
    arrays = Arrays.of(dataset)
    return SplitData(
        "test",
        replace(
            arrays,
            validation_inputs=inputs_of(split),
            validation_labels=split.labels.numpy(),
            validation_groups={name: groups.numpy() for name, groups in split.groups.items()},
        ),
        None if split.rows is None else split.rows.numpy(),
        split.ids,
    )


def evaluate(module: nn.Module, split: SplitData, recorded: Report) -> Evaluated:
    """Evaluate a module on a split, in float32 on the CPU as a loaded student computes, however it was trained.

    Further measures are computed if the run recorded them. The latency is the run's own, because it does not depend
    on the split.
    """
    device = torch.device("cpu")
    data = DeviceData(split.arrays, device, view_seed=0, augment=False)
    logits = predict_logits(module.to(device), data.validation)
    names = tuple(name for name in recorded.scalars if name != "latency")
    scalars = measure_extras(names, module, data, logits)
    if "latency" in recorded.scalars:
        scalars["latency"] = recorded.scalars["latency"]
    return Evaluated(split.name, logits, _report(split, logits, scalars))


def evaluate_logits(trained: Trained, split: SplitData) -> Evaluated | None:
    """Return what a teacher that is known by its logits says of a split; None where they do not cover it.

    Measures of the model itself are NaN.
    """
    known = KnownLogits.from_state(trained.state)
    logits = known.validation if split.name == "validation" else known.of_others(split.ids)
    if logits is None:
        return None
    data = DeviceData(split.arrays, torch.device("cpu"), view_seed=0, augment=False)
    scalars = measure_extras(tuple(trained.recorded.scalars), None, data, logits)
    return Evaluated(split.name, logits, _report(split, logits, scalars))


def check_recorded(trained: Trained, module: nn.Module, validation: SplitData) -> int:
    """Evaluate weights as the search did, and return the least number of validation answers that differ from then.

    Raises:
        RunError: more differ than rounding explains, so these are not the weights that the run evaluated.
    """
    device = torch.device("cpu")
    data = DeviceData(validation.arrays, device, view_seed=0, augment=False)
    like_then: dict[str, Any] = {}
    if trained.config.get("channels_last") and validation.arrays.is_image:
        like_then["memory_format"] = torch.channels_last
    precision = str(trained.config.get("precision", "float32"))
    logits = predict_logits(module.to(device, **like_then), data.validation, precision=precision)
    module.to(memory_format=torch.contiguous_format)
    now, then = (
        count_all(validation.arrays, logits.argmax(dim=1).numpy())["all"],
        trained.recorded.counts["all"],
    )
    moved = max(
        int(np.abs(now.predicted - then.predicted).sum()) // 2, abs(int(now.hits.sum() - then.hits.sum()))
    )
    if not np.array_equal(now.examples, then.examples) or moved > max(5, TOLERATED * len(validation)):
        raise RunError(
            f"{trained.id}: its weights give accuracy {now.accuracy:.4f} on validation, but the run recorded "
            f"{then.accuracy:.4f}: they are not the weights that were evaluated; leave it out with --pick"
        )
    return moved


def _report(split: SplitData, logits: Tensor, scalars: dict[str, float]) -> Report:
    loss = float(nn.functional.cross_entropy(logits, torch.from_numpy(split.labels)))
    counts = count_all(split.arrays, logits.argmax(dim=1).numpy())
    nan = float("nan")
    return Report(
        epoch=1,
        counts=counts,
        time=nan,
        seconds=nan,
        train_loss=nan,
        validation_loss=loss,
        learning_rate=nan,
        scalars=scalars,
    )
