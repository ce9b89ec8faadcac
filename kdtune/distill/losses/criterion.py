"""What one model minimises on a batch: the loss of its job, its example weights, and features where it needs them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdtune.data.seeds import derive_seed
from kdtune.distill.arrays import DeviceData, tensor_of
from kdtune.distill.config import Distillation, Job
from kdtune.distill.losses.example_weights import example_weights
from kdtune.distill.losses.hinton import kd_loss
from kdtune.distill.losses.ready import cross_entropy
from kdtune.distill.losses.registry import Loss, find_loss
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.errors import InputError
from kdtune.models import watch_features
from kdtune.user_code import kind_of, own_code


class Criterion:
    """The loss of a job, a scalar: the mean over the batch.

    Args:
        model: the student, of which features are watched where the loss takes them.
        teacher: what the student learns from; None for hard labels only.

    Attributes:
        regressor: maps the student's features to the teacher's width; None where no loss asks for it.
    """

    def __init__(self, job: Job, data: DeviceData, model: nn.Module, teacher: TeacherSignal | None) -> None:
        soft = job.distillation
        self._job = job
        self._smoothing = job.train.label_smoothing
        self._loss = None if soft is None else find_loss(soft.loss)
        self._teacher = teacher
        weights = example_weights(job.train, data.arrays)
        self._weights = None if weights is None else tensor_of(weights).to(data.device)
        self.regressor: nn.Linear | None = None
        self._features: Callable[[], Tensor] | None = None
        if self._loss is not None and self._loss.needs_features:
            assert teacher is not None
            self._features = watch_features(model)
            if "hints" in self._loss.takes:
                self.regressor = self._regressor(model, data, teacher)

    @property
    def parameters(self) -> Iterator[nn.Parameter]:
        """What is trained beside the model."""
        return iter(()) if self.regressor is None else self.regressor.parameters()

    @property
    def needs_teacher(self) -> bool:
        """Whether the teacher's logits are looked at."""
        soft = self._job.distillation
        if soft is None or self._loss is None or self._teacher is None:
            return False
        return "teacher_logits" in self._loss.takes and not (self._loss.name == "kd" and soft.alpha == 0)

    def teacher_features(self, view: int) -> Tensor | None:
        """Return the teacher's features of all training examples on a view; None where no loss asks for them."""
        if (
            self._loss is None
            or not self._loss.takes & {"teacher_features", "hints"}
            or self._teacher is None
        ):
            return None
        return self._teacher.features(view)

    def __call__(
        self, logits: Tensor, soft: Tensor | None, features: Tensor | None, labels: Tensor, indices: Tensor
    ) -> Tensor:
        """Return the loss of a batch whose logits the model just gave.

        Args:
            logits: float32 [n, C].
            soft, features: those of the teacher for the batch.
            labels: int64 [n].
            indices: positions of the batch among all training examples.
        """
        distillation, loss = self._job.distillation, self._loss
        if self._weights is None and (loss is None or loss.name == "kd"):
            if distillation is None:
                return functional.cross_entropy(logits, labels, label_smoothing=self._smoothing)
            return kd_loss(
                logits,
                soft,
                labels,
                temperature=distillation.temperature,
                alpha=distillation.alpha,
                scale_by_t2=distillation.scale_by_t2,
                label_smoothing=self._smoothing,
            )
        if distillation is None or loss is None:
            each = cross_entropy(logits, labels, self._smoothing)
        else:
            given: dict[str, Any] = {
                "logits": logits,
                "teacher_logits": logits.detach() if soft is None else soft,
                "labels": labels,
                "teacher_features": features,
                "features": None if self._features is None else self._features(),
            }
            if self.regressor is not None:
                given["hints"] = self.regressor(given["features"])
            each = called(loss, given, distillation, self._smoothing)
        return mean_of(each, None if self._weights is None else self._weights[indices], loss)

    def _regressor(self, model: nn.Module, data: DeviceData, teacher: TeacherSignal) -> nn.Linear:
        assert self._features is not None
        training = model.training
        with torch.inference_mode():
            model.eval()(data.validation.plain(torch.zeros(1, dtype=torch.int64, device=data.device)))
            width = self._features().shape[1]
        model.train(training)
        wanted = teacher.features(data.view(0)).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self._job.seed, "regressor"))
            return nn.Linear(width, wanted).to(data.device)


def settings_of(loss: Loss, soft: Distillation, label_smoothing: float) -> dict[str, Any]:
    """Return what a loss takes of a job's settings."""
    common = {
        "temperature": soft.temperature,
        "alpha": soft.alpha,
        "scale_by_t2": soft.scale_by_t2,
        "label_smoothing": label_smoothing,
    }
    own = {name: soft.settings.get(name, default) for name, default in loss.settings.items()}
    return {name: value for name, value in common.items() if name in loss.takes} | own


def called(loss: Loss, inputs: dict[str, Any], soft: Distillation, label_smoothing: float) -> Tensor:
    """Return what a loss gives for a batch: [n], or a scalar.

    Raises:
        InputError: the function failed, or returned something else.
    """
    return run_loss(loss, inputs, settings_of(loss, soft, label_smoothing))


def run_loss(loss: Loss, inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> Tensor:
    """Return what a loss gives for a batch: [n], or a scalar.

    Args:
        inputs: of the batch, by name; `logits` and `labels` at least.
        settings: those that it takes.

    Raises:
        InputError: the function failed, or returned something else.
    """
    given = {name: value for name, value in inputs.items() if name in loss.takes}
    with own_code(f"loss {loss.name!r} failed", passed=(torch.OutOfMemoryError, MemoryError)):
        found = loss.function(**given, **settings)
    return _checked(loss, found, inputs["logits"], len(inputs["labels"]))


def _checked(loss: Loss, found: Any, logits: Tensor, n: int) -> Tensor:
    """Return what a loss returned, if it is one. This looks at no values: a GPU need not be waited for."""
    but = ""
    if isinstance(found, Tensor) and found.shape in ((), (n,)) and found.is_floating_point():
        if found.device != logits.device:
            but = f" on {found.device}, and the logits are on {logits.device}"
        elif logits.requires_grad and not found.requires_grad:
            but = " without a gradient (no_grad, detach and item lose it, and so does argmax)"
        else:
            return found
    raise InputError(
        f"loss {loss.name!r} returned {kind_of(found)}{but}: it must be computed from what the function is given, one "
        f"real number for each of {n} examples, float [{n}], or their mean, float []"
    )


def mean_of(each: Tensor, weights: Tensor | None, loss: Loss | None) -> Tensor:
    """Return the weighted mean over the batch; weights have mean 1 over all training examples.

    Raises:
        InputError: there are weights, and the loss gives the mean alone.
    """
    if weights is None:
        return each.mean()
    if each.dim() == 0:
        name = "" if loss is None else f" {loss.name!r}"
        raise InputError(
            f"loss{name} returns the mean of a batch, and train.class_weights or train.group_weights weigh each "
            "example: let it return a loss for each, [n]"
        )
    return (weights * each).mean()
