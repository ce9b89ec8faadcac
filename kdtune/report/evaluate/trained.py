"""The trained models of a run, read back from what it keeps: checkpoints of trials, weights of baselines."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from kdtune.distill.checkpoint import CheckpointError, read_checkpoint
from kdtune.distill.config import Job
from kdtune.distill.weights.module import trained_module
from kdtune.errors import InputError, RunError, UnknownNameError
from kdtune.files import LARGEST_WEIGHTS, read_json, read_regular, sha256_of
from kdtune.models.families.find import adopt
from kdtune.runs.paths import is_trial
from kdtune.runs.reader import Run
from kdtune.runs.records import Report


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model.

    Attributes:
        role: `student`, `teacher` or `nds`.
        config: what was trained, as one level of plain values.
        job: what was trained, in the form that training needs.
        state: its weights, on the CPU, contiguous.
        recorded: its last report in the run.
    """

    id: str
    role: str
    config: Mapping[str, Any]
    job: Job
    state: Mapping[str, Tensor]
    recorded: Report

    @property
    def architecture(self) -> str:
        """Name in `kdtune.models`."""
        return self.job.architecture

    @property
    def pair(self) -> str | None:
        """`teacher->student` of a distilled student, else None."""
        return self.config.get("pair")

    def module(self, run: Run) -> nn.Module:
        """Build the model with its weights, in evaluation mode.

        Raises:
            RunError: the architecture is unknown, or the weights do not fit it.
        """
        try:
            return trained_module(
                self.job,
                self.state,
                input_shape=run.record.dataset["input_shape"],
                n_classes=len(run.record.classes),
            )
        except UnknownNameError as error:
            raise RunError(
                f"{self.id}: {error}; if it is your own, name its module: --import MODULE"
            ) from None
        except RuntimeError:
            raise RunError(
                f"{run.files.model(self.id)}: its weights are not those of a {self.architecture} for these data: "
                f"{_remedy(run)}"
            ) from None


def load_trained(run: Run, model_id: str) -> Trained:
    """Read a trial or baseline back.

    Raises:
        RunError: its files are missing, damaged, or do not belong to what the run recorded.
    """
    adopt(run.record.models)
    config = read_json(run.files.config(model_id))
    reports = run.reports(model_id)
    if not reports:
        raise RunError(f"{run.files.reports(model_id)}: {model_id} has no report and can't be exported")
    job = job_of(run, model_id, config)
    # A study keeps the weights of its students as those of baselines; a sweep's trials have checkpoints.
    checkpointed = is_trial(model_id) and not run.files.weights(model_id).exists()
    state = _checkpoint(run, model_id, job, reports[-1]) if checkpointed else _weights(run, model_id)
    return Trained(
        id=model_id,
        role=str(config.get("model", "student")),
        config=config,
        job=job,
        state={name: tensor.contiguous() for name, tensor in state.items()},
        recorded=reports[-1],
    )


def job_of(run: Run, model_id: str, config: Mapping[str, Any]) -> Job:
    """Rebuild a model's training from its record.

    Raises:
        RunError: the record is damaged.
    """
    try:
        return Job.from_dict(config["job"]) if "job" in config else Job.from_flat(config)
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise RunError(f"{run.files.config(model_id)}: damaged ({error!r}); {_remedy(run)}") from None


def _remedy(run: Run) -> str:
    return f"leave it out with --pick, or train it again: {run.resuming}"


def _checkpoint(run: Run, model_id: str, job: Job, last: Report) -> dict[str, Tensor]:
    path = run.files.checkpoint(model_id)
    if not path.exists():
        raise RunError(f"{path}: missing: the run kept no weights of {model_id}; {_remedy(run)}")
    try:
        if run.weights_digest(model_id) not in ("", sha256_of(path)):
            raise CheckpointError(f"{path}: not bit by bit what the run recorded (another SHA-256)")
        content = read_checkpoint(path)
        reports = [Report.from_dict(record) for record in content["reports"]]
        state: dict[str, Tensor] = content["model"]
        fits = Job.from_dict(content["job"]) == job and all(isinstance(t, Tensor) for t in state.values())
    except (CheckpointError, InputError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{str(error).rstrip('.')}; {_remedy(run)}") from None
    if not fits or not reports or reports[-1].epoch != last.epoch or reports[-1].counts != last.counts:
        raise RunError(
            f"{path}: not the checkpoint of the {last.epoch} epochs that {model_id} reported; {_remedy(run)}"
        )
    return state


def _weights(run: Run, model_id: str) -> dict[str, Tensor]:
    import safetensors
    import safetensors.torch

    path = run.files.weights(model_id)
    try:
        content = read_regular(path, limit=LARGEST_WEIGHTS)
        if run.weights_digest(model_id) not in ("", hashlib.sha256(content).hexdigest()):
            raise RunError(
                f"{path}: damaged: not bit by bit the weights that the run recorded (another SHA-256); "
                f"{run.resuming} trains them again"
            )
        return safetensors.torch.load(content)
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror}): {run.resuming} trains them again") from None
    except (safetensors.SafetensorError, ValueError) as error:
        raise RunError(f"{path}: damaged ({error}): {run.resuming} trains them again") from None
