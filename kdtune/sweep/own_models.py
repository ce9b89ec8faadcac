"""Models of the user's own whose code has changed since a run trained them: do they still answer as they did?"""

from collections.abc import Collection

import numpy as np
import safetensors.torch
import torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import members_of
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.weights.module import trained_module
from kdtune.errors import KdtuneError, RunError
from kdtune.files import LARGEST_WEIGHTS, read_regular
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run
from kdtune.runs.state import ModelState
from kdtune.sweep.plan import Plan
from kdtune.user_code import own_code

_EXAMPLES = 500
"""Of validation: enough to tell, and few enough for a large model on a CPU."""

_ALIKE = 0.9
"""Share of equal answers. A model that was trained at another precision answers some examples otherwise."""


def check_answers(plan: Plan, files: RunFiles, changed: Collection[str]) -> None:
    """Refuse to go on with teachers and students without one whose weights mean something else now.

    Students would learn from them, and be compared with them, as if they were what the run says of them.

    Args:
        changed: the architectures whose code has changed.

    Raises:
        RunError: weights don't fit any more, or a model answers otherwise than it did.
    """
    run = Run(files)
    data = DeviceData(Arrays.of(plan.dataset), torch.device("cpu"), view_seed=0, augment=False)
    for model in run.state().baselines.values():
        name = str(model.config.get("architecture"))
        if model.state != "done" or not {*members_of(name)} & {*changed}:
            continue
        try:
            then = run.predictions(model)[:_EXAMPLES]
            weights = read_regular(files.weights(model.id), limit=LARGEST_WEIGHTS)
        except (KdtuneError, OSError):  # what is missing is trained again
            continue
        alike = float((_answers(plan, model, name, weights, data, len(then)) == then).mean())
        if alike < _ALIKE:
            raise RunError(
                f"{files.root}: the code of model {name!r} has changed: {model.id} answers {1 - alike:.0%} of "
                f"{len(then)} validation examples otherwise than when it was trained: {_REMEDY}"
            )


_REMEDY = "put the code back, or start a new run"


def _answers(
    plan: Plan, model: ModelState, name: str, weights: bytes, data: DeviceData, n: int
) -> np.ndarray:
    with own_code(
        f"the code of model {name!r} has changed, and the weights of {model.id} don't fit it: {_REMEDY}",
        RunError,
        passed=(),
    ):
        module = trained_module(
            plan.baseline_job(model.kind, name),
            safetensors.torch.load(weights),
            input_shape=plan.dataset.input_shape,
            n_classes=plan.dataset.n_classes,
        )
        logits = predict_logits(module, data.validation, rows=np.arange(n))
    return logits.argmax(dim=1).numpy()
