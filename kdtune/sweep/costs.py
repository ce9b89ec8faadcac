"""How much the training of each model costs: counted, because what is timed differs from one start to the next."""

from collections.abc import Mapping

import torch

from kdtune.distill.config import Job
from kdtune.distill.weights.module import file_of, module_of
from kdtune.models import models, multiplications
from kdtune.sweep.plan import Plan


def costs_of(plan: Plan, jobs: Mapping[str, Job]) -> dict[str, float]:
    """Return what each training costs, by any id: multiplications for an example in a forward pass, times epochs.

    Only kdtune's own models for images are counted. Trainings on tables are short, the driver would have to import the
    library of another model, and one of the user's may take anything amiss. Where there are such models, all cost the
    same.
    """
    theirs = plan.libraries or any(models.is_own(name) for _, name in plan.single)
    if len(plan.dataset.input_shape) != 3 or theirs:
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
