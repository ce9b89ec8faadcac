"""Sweeps on GPUs that Ray only counts: where teachers, baselines and trials are put, and what is said of it.

No GPU is needed: Ray hands out what it was told of, and the models train on the processor.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SWEEP = """
import json, os, sys, time
from pathlib import Path

from kdtune.sweep.remote.cluster import prepare_environment

prepare_environment()
import ray
import torch

import kdtune
from kdtune.runs.jsonl import read_records
from kdtune.runs.paths import RunFiles
from kdtune.space.reading import parse_space
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.sweep.remote import trial_place
from tests.sweep.blobs import blobs

folder, gpus, counted, trials = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "counted", int(sys.argv[4])
kdtune.register_dataset("blobs")(blobs)


def builder():
    def build(input_shape, n_classes):
        if os.getpid() != here:
            is_trial = ray.get_runtime_context().get_actor_id() is not None
            line = json.dumps([is_trial, os.getpid(), ray.get_gpu_ids(), os.environ.get("CUDA_VISIBLE_DEVICES")])
            with open(seen, "a") as file:
                print(line, file=file)
            until = time.monotonic() + 120
            while is_trial and time.monotonic() < until:  # for all to be at work at once
                at_work = {pid for is_trial, pid, *_ in map(json.loads, seen.read_text().splitlines()) if is_trial}
                if len(at_work) == trials:
                    break
                time.sleep(0.1)
        return torch.nn.Linear(input_shape[0], n_classes)

    here, seen = os.getpid(), folder / "seen"
    return build


kdtune.register_model("student")(builder())
if not counted:
    trial_place.gpu_here = lambda: ("a GPU that is only counted", "")
ray.init(address="local", num_cpus=8, num_gpus=gpus, include_dashboard=False, log_to_driver=False)
space = {
    "dataset": {"name": "blobs"}, "pairs": ["mlp-8->student"], "objectives": ["accuracy", "eod"],
    "budget": {"trials": trials, "epochs": 2}, "resources": {"cohort": 1},
}
run_sweep(SweepRequest(files=RunFiles(folder / "run"), space=parse_space(space, "s")))
"""


def sweep(folder: Path, gpus: int, trials: int, *, counted: bool = False) -> tuple[list[Any], list[str], str]:
    """Run a sweep; return what each process that built the student was given, what was said, and the run's state."""
    options = [str(folder), str(gpus), "counted" if counted else "", str(trials)]
    ended = subprocess.run(
        [sys.executable, "-c", SWEEP, *options],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    events = [json.loads(line) for line in (folder / "run" / "events.jsonl").read_text().splitlines()]
    said = [str(e["message"]) for e in events if e["kind"] == "run"]
    state = [str(e["state"]) for e in events if e["kind"] == "run"][-1]
    done = [e for e in events if e["kind"] == "trial" and e.get("state") == "done"]
    assert len(done) == trials, said
    built = [json.loads(line) for line in (folder / "seen").read_text().splitlines()]
    return built, said, state


@pytest.mark.timeout(300)
def test_four_trials_are_spread_over_four_gpus(tmp_path: Path) -> None:
    built, said, state = sweep(tmp_path, gpus=4, trials=4)
    assert state == "finished"
    assert "students train on: a GPU that is only counted" in said
    assert "4 trials at once, each on a GPU of its own" in said
    assert {len(ids) for _, _, ids, _ in built} == {1}, "the student without a teacher is given a GPU too"
    assert sorted(gpu for is_trial, _, [gpu], _ in built if is_trial) == [0, 1, 2, 3]


@pytest.mark.slow  # half a minute
@pytest.mark.timeout(300)
def test_gpus_that_torch_can_t_use_are_not_waited_for(tmp_path: Path) -> None:
    built, said, state = sweep(tmp_path, gpus=2, trials=3, counted=True)
    assert state == "finished"
    [words] = [
        line for line in said if line.startswith("Ray counts 2 GPUs, and torch can't compute on them (")
    ]
    assert words.endswith("): students train on processors")
    assert "3 trials at once" in said
    assert len({pid for is_trial, pid, *_ in built if is_trial}) == 3
    assert all(visible == "" for *_, visible in built), "who was given no GPU sees none"
