"""K students of one architecture as one network: builds it, trains it on a batch, and takes it apart again."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Distillation, Job
from kdtune.distill.epoch import is_channels_last
from kdtune.distill.evaluation.forward import autocast
from kdtune.distill.execution.batch_counts import HostCounts
from kdtune.distill.execution.step_execution import StepExecution
from kdtune.distill.fused.loss import LossSettings, losses_of, weights_of
from kdtune.distill.fused.optimizer import FlatOptimizer
from kdtune.distill.fused.stack import stack
from kdtune.distill.optimizers import make_optimizer
from kdtune.distill.training import initial_model


class Students:
    """Students that share architecture and protocol; each has its own weights, teacher, T, α, rates, momentum.

    Args:
        jobs: one for each student.
        data: what all of them learn from.
    """

    def __init__(self, jobs: Sequence[Job], data: DeviceData) -> None:
        self.jobs = tuple(jobs)
        self._data = data
        self.module = stack([initial_model(job, data) for job in jobs])
        if is_channels_last(jobs[0], data):
            self.module = self.module.to(memory_format=torch.channels_last)
        self.optimizer = FlatOptimizer(self.module, [job.train for job in jobs])
        self._soft = [distillation_of(job) for job in jobs]
        smoothing = [job.train.label_smoothing for job in jobs]
        self._settings = LossSettings.of(self._soft, data.device, smoothing)
        self._weights = weights_of(jobs, data)
        looks = [soft.alpha > 0 or soft.loss != "kd" for soft in self._soft]
        self.teachers = tuple(
            dict.fromkeys(soft.teacher for soft, does in zip(self._soft, looks, strict=True) if does)
        )
        rows = [
            self.teachers.index(soft.teacher) if does else 0
            for soft, does in zip(self._soft, looks, strict=True)
        ]
        self._rows = torch.tensor(rows, device=data.device)
        self.execution = StepExecution(
            jobs[0].train.execution, self.module, self._soft[0].loss, self._differentiated, data.device
        )

    def __len__(self) -> int:
        return len(self.jobs)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return logits, [K, n, C], of inputs [n, ...]."""
        return self._by_student(self.module(inputs))

    def train_batch(
        self,
        counts: HostCounts | None,
        inputs: Tensor,
        soft: Tensor | None,
        labels: Tensor,
        factor: float,
        indices: Tensor | None = None,
    ) -> Tensor:
        """Train on one batch and return the losses before the step, [K].

        Args:
            counts: of the batches; None where these are counted on the device.
            soft: the logits of `teachers`, float32 [len(teachers), n, C].
            factor: multiplies each learning rate, according to the schedule.
            indices: positions of the batch among all training examples, by which these weigh.
        """
        batch = inputs, soft, labels, indices
        graph = self.execution.graph
        losses, _ = self._differentiated(*batch) if graph is None or counts is None else graph(counts, *batch)
        self.optimizer.step(factor)
        return losses

    def model(self, k: int) -> nn.Module:
        """Return one student as a network of its own, with a copy of its weights."""
        model = initial_model(self.jobs[k], self._data)
        model.load_state_dict({name: value.clone() for name, value in self._state(k).items()})
        return model.train(self.module.training)

    def content(self, k: int, factor: float) -> dict[str, Any]:
        """Return one student's weights and moments in the form of its own checkpoint; the tensors are views."""
        job = self.jobs[k]
        indices = list(range(len(self.optimizer.parameters)))
        blank = make_optimizer(nn.ParameterList(torch.empty(1) for _ in indices), job.train).state_dict()
        blank["param_groups"][0]["lr"] = job.train.lr * factor
        for index, name in zip(indices, self.optimizer.parameters, strict=True):
            moments = {
                moment: self._part(self.optimizer.moment(moment, name), k)
                for moment in self.optimizer.moments
            }
            if not self.optimizer.steps or not moments:
                continue
            if job.train.optimizer == "adamw":
                moments = {"step": torch.tensor(float(self.optimizer.steps)), **moments}
            blank["state"][index] = moments
        return {"model": self._state(k), "optimizer": blank}

    @torch.no_grad()
    def load(self, contents: Sequence[Mapping[str, Any]], steps: int) -> None:
        """Restore the students from what `content` returned for each; tensors that do not fit raise torch's errors."""
        joint = self.module.state_dict()
        for k, content in enumerate(contents):
            if content["model"].keys() != joint.keys():
                raise ValueError("these are not the tensors of this architecture")
            for name, value in joint.items():
                (value if value.dim() == 0 else self._part(value, k)).copy_(content["model"][name])
            for index, name in enumerate(self.optimizer.parameters):
                moments = content["optimizer"]["state"].get(index, {})
                for moment in self.optimizer.moments:
                    if moment in moments:
                        self._part(self.optimizer.moment(moment, name), k).copy_(moments[moment])
        self.optimizer.steps = steps

    def _differentiated(
        self, inputs: Tensor, soft: Tensor | None, labels: Tensor, indices: Tensor | None
    ) -> tuple[Tensor, tuple[()]]:
        """Return the losses, [K]; the optimiser has the gradients."""
        with autocast(self._data.device, self.jobs[0].train.precision):
            logits = self._by_student(self.execution.forward(inputs))
        if soft is not None and len(soft) > 1:
            soft = soft[self._rows]
        weights = None if self._weights is None or indices is None else self._weights[:, indices]
        losses = losses_of(logits.float(), soft, labels, self._settings, weights)
        # With respect to one student's weights, the gradient of the sum is the gradient of its own loss.
        self.optimizer.differentiate(losses.sum())
        return losses.detach(), ()

    def _by_student(self, logits: Tensor) -> Tensor:
        by_student: Tensor = logits.unflatten(1, (len(self), -1)).transpose(0, 1)
        return by_student

    def _state(self, k: int) -> dict[str, Tensor]:
        joint = self.module.state_dict()
        return {name: value if value.dim() == 0 else self._part(value, k) for name, value in joint.items()}

    def _part(self, value: Tensor, k: int) -> Tensor:
        part: Tensor = value.unflatten(0, (len(self), -1))[k]
        return part


def distillation_of(job: Job) -> Distillation:
    """Return a student's soft loss; a student without one gets one of weight zero."""
    return job.distillation or Distillation("", 1.0, 0.0)
