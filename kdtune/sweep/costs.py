"""How much the training of each model costs: counted, because what is timed differs from one start to the next."""

from collections.abc import Mapping

import torch

from kdtune.distill.config import Job
from kdtune.distill.weights.module import file_of, module_of
from kdtune.models import multiplications
from kdtune.sweep.plan import Plan


def costs_of(plan: Plan, jobs: Mapping[str, Job]) -> dict[str, float]:
    """Return what each training costs, by any id: multiplications for an example in a forward pass, times epochs.

    All cost the same where models do not read images, because their trainings are short, and where another library
    builds them, because the driver would have to import it.
    """
    if len(plan.dataset.input_shape) != 3 or plan.libraries:
        return dict.fromkeys(jobs, 1.0)
    counted: dict[tuple[str, bool], int] = {}

    def cost(job: Job) -> float:
        if job.logits is not None:
            return 0.0
        if job.members:
            return sum(map(cost, job.members))
        kind = (job.architecture, file_of(job) is None)
        if kind not in counted:
            counted[kind] = _multiplications(job, plan)
        return float(counted[kind] * job.train.epochs)

    return {name: cost(job) for name, job in jobs.items()}


def _multiplications(job: Job, plan: Plan) -> int:
    shape = plan.dataset.input_shape
    model = module_of(job, input_shape=shape, n_classes=plan.dataset.n_classes).eval()
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        return multiplications(model, torch.zeros(1, *shape))
