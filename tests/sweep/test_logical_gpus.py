"""Sweeps and studies on GPUs that Ray only counts: where models are put, what is said of it, what errors cost.

No GPU is needed: Ray hands out what it was told of, and the models train on the processor.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.limits import PATIENCE

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 20.00 MiB"
STICKY = "CUDA error: device-side assert triggered"


@dataclass
class Ended:
    """What became of a run.

    Attributes:
        built: for each time that the student was built for training: whether for a trial, process, GPUs, those that it
            sees, machine.
        said: the run's messages; `printed` what its replicates said.
        events: of the models.
        places: the GPU of each model by its id, as recorded; of one that was run again, the last.
    """

    built: list[Any]
    said: list[str]
    printed: str
    state: str
    events: list[dict[str, Any]]
    places: dict[str, tuple[str, str]]

    @property
    def messages(self) -> list[str]:
        """What is said of each model that was interrupted."""
        return [str(e["message"]) for e in self.events if e.get("state") == "interrupted"]

    @property
    def done(self) -> list[str]:
        """The students that ended well, each once."""
        return sorted(str(e["id"]) for e in self.events if e["kind"] == "trial" and e.get("state") == "done")


def run(
    folder: Path,
    *,
    nodes: Sequence[tuple[int, int]] = ((8, 4),),
    kind: str = "sweep",
    together: int = 0,
    counted: bool = False,
    replicates: bool = False,
    errors: Sequence[str] = (),
    **space: Any,
) -> Ended:
    """Run a sweep on machines with so many cores and GPUs each; see `on_counted_gpus`."""
    options = {
        "folder": str(folder), "nodes": nodes, "kind": kind, "together": together, "counted": counted,
        "replicates": replicates, "errors": errors, "space": space,
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "tests.sweep.on_counted_gpus", json.dumps(options)],
        capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    events = [json.loads(line) for line in (folder / "run" / "events.jsonl").read_text().splitlines()]
    of_run = [e for e in events if e["kind"] == "run"]
    built = [json.loads(line) for line in (folder / "seen").read_text().splitlines()]
    of_models = [e for e in events if e["kind"] in ("trial", "baseline")]
    places = {str(e["id"]): (str(e["machine"]), str(e["gpu"])) for e in events if e["kind"] == "place"}
    said = [str(e["message"]) for e in of_run]
    return Ended(built, said, ended.stdout, str(of_run[-1]["state"]), of_models, places)


def test_four_trials_are_spread_over_four_gpus(tmp_path: Path) -> None:
    ended = run(tmp_path, together=4, resources={"cohort": 1})
    assert ended.state == "finished"
    assert len(ended.done) == 4
    assert "students train on: a GPU that is only counted" in ended.said
    assert "4 trials at once, each on a GPU of its own" in ended.said
    assert {len(ids) for _, _, ids, *_ in ended.built} == {1}, (
        "the student without a teacher is given a GPU too"
    )
    assert sorted(gpu for is_trial, _, [gpu], *_ in ended.built if is_trial) == [0, 1, 2, 3]
    assert {ended.places[trial] for trial in ended.done} == {(socket.gethostname(), str(k)) for k in range(4)}
    assert len(ended.places) == 6, "those of the teacher and of the student without one too"


def test_cohorts_without_room_are_halved_and_a_broken_gpu_costs_one_retry(tmp_path: Path) -> None:
    ended = run(tmp_path, nodes=[(4, 2)], together=1, errors=[OUT_OF_MEMORY, STICKY], resources={"cohort": 2})
    assert ended.state == "finished"
    assert len(ended.done) == len(set(ended.done)) == 4
    halved = f"out of memory on the GPU: {OUT_OF_MEMORY}; half as many are trained as one"
    again = f"the GPU failed: {STICKY}; it is run again"
    assert ended.messages.count(halved) == 2, "both members of the cohort"
    assert set(ended.messages) == {halved, again}
    assert ended.messages.count(again) in (1, 2), "a cohort, or a student of the halved one"


@pytest.mark.slow  # half a minute
def test_gpus_that_torch_can_t_use_are_not_waited_for(tmp_path: Path) -> None:
    ended = run(tmp_path, nodes=[(8, 2)], counted=True, together=4, replicates=True, resources={"cohort": 1})
    assert ended.state == "finished"
    beginning = "Ray counts 2 GPUs, and torch can't compute on them ("
    [words] = [line for line in ended.said if line.startswith(beginning)]
    assert words.endswith("): students train on processors")
    assert "4 trials at once" in ended.said
    assert len({pid for is_trial, pid, *_ in ended.built if is_trial}) == 4
    assert all(visible == "" for _, _, _, visible, _ in ended.built), "who was given no GPU sees none"
    assert words in ended.printed.splitlines(), "replicates say it too"
    assert not ended.places


@pytest.mark.slow  # a cluster starts
def test_machines_of_different_sizes_and_a_head_without_gpus(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        nodes=[(1, 0), (2, 1), (4, 2)],
        together=3,
        resources={"cohort": 1},
        budget={"trials": 3, "epochs": 2},
    )
    assert ended.state == "finished"
    assert len(ended.done) == 3
    assert "3 trials at once, each on a GPU of its own" in ended.said
    places = [(node, gpu) for is_trial, _, [gpu], _, node in ended.built if is_trial]
    assert len(set(places)) == 3, "each GPU of both machines has a trial"
    assert len({node for node, _ in places}) == 2


@pytest.mark.slow  # a study and its replicates
def test_a_study_s_models_and_replicates_use_gpus_and_survive_them(tmp_path: Path) -> None:
    ended = run(
        tmp_path, kind="study", errors=[OUT_OF_MEMORY, STICKY], budget={"epochs": 2},
        study={"temperatures": [1, 4], "seeds": 1, "individual": None},
    )  # fmt: skip
    assert ended.state == "finished"
    assert ended.done == ["t0000", "t0001"]
    assert {"teacher-mlp-8-s0", "nds-student-s0", *ended.done} == set(ended.places)
    assert {message.rpartition("; ")[2] for message in ended.messages} == {"it is trained again"}
    assert len(ended.messages) == 2, "one retry for each error"
    assert {len(ids) for _, _, ids, *_ in ended.built} == {1}


def test_ray_hands_out_the_slices_of_a_gpu_one_by_one() -> None:
    """`CUDA_VISIBLE_DEVICES` lists the slices; torch alone sees one of them, so it is a stand-in that says it can."""
    program = """
import os, ray, sys, torch
from kdtune.sweep.remote.cluster import usable_gpus
from kdtune.sweep.remote.local_ray import end_servers, start_ray
torch.cuda.is_available, torch.cuda.device_count = (lambda: True), (lambda: 1)
assert usable_gpus() == 3
start_ray(2, usable_gpus(), sys.stderr.write)
seen = ray.remote(num_gpus=0.99)(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
print(*sorted(set(ray.get([seen.options(num_cpus=0.1).remote() for _ in range(3)]))))
ray.shutdown()
end_servers()
"""
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "MIG-a,MIG-b,MIG-c",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert set(ended.stdout.split()) <= {"MIG-a", "MIG-b", "MIG-c"}
    assert ended.stdout.split()
