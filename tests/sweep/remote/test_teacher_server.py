"""The process that runs the teachers is killed: its successor gives the same logits."""

from typing import Any

import psutil
import ray
import safetensors.torch
import torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.training import Training
from kdtune.sweep.remote.allotment import Allotment, Node
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.teacher_server import TrainedTeacher, serve_teachers


def kill_servers() -> int:
    """Kill the processes that run teachers for this process; return how many there were."""
    found = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "ray::TeacherServer" in " ".join(process.cmdline())
    ]
    for process in found:
        process.kill()
    return len(found)


def test_logits_outlive_the_process_that_made_them(ray_session: None, plan_of: Any) -> None:
    plan = plan_of()
    job = plan.baseline_job("teacher", "mlp-16")
    arrays = Arrays.of(plan.dataset)
    training = Training(job, DeviceData(arrays, torch.device("cpu"), view_seed=0, augment=False))
    training.run()
    teacher = TrainedTeacher(job, safetensors.torch.save(training.model.state_dict()))
    allotment = Allotment(1, 1, 0, (Node(2),))
    shared = ray.put(arrays)
    with serve_teachers(
        shared, {"mlp-16": teacher}, UserCode.of(()), allotment, view_seed=0, augment=False
    ) as served:
        before = served.signal("mlp-16")
        first = before.logits(0).clone()
        assert kill_servers() == 1
        after = served.signal("mlp-16")
        assert torch.equal(after.logits(0), first)
        assert (after.validation_predictions == before.validation_predictions).all()
