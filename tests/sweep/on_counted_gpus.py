"""A sweep or a study in a process of its own, on GPUs that Ray only counts; what the tests of these run.

Each process that builds the student writes down what it was given, and fails as often as it was asked to.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kdtune.sweep.remote.cluster import prepare_environment
from tests.limits import PATIENCE

prepare_environment()
import ray  # noqa: E402  (Ray reads the environment when it is imported)
import safetensors.torch  # noqa: E402
import torch  # noqa: E402

import kdtune  # noqa: E402
from kdtune.runs.paths import RunFiles  # noqa: E402
from kdtune.space.reading import Resources, parse_space  # noqa: E402
from kdtune.sweep.driver import SweepRequest, run_sweep  # noqa: E402
from kdtune.sweep.remote import trial_place  # noqa: E402
from kdtune.sweep.remote.local_ray import end_servers, start_ray  # noqa: E402
from tests.sweep.blobs import blobs  # noqa: E402


def builder(folder: Path, together: int, errors: list[str]) -> Callable[..., torch.nn.Module]:
    """Return what builds the student: made in a function, so that it is pickled by value for the workers.

    Args:
        together: processes with trials that wait for each other.
        errors: what the device says in the first processes that train it, one each.
    """
    here, seen = os.getpid(), folder / "seen"

    def build(input_shape: tuple[int, ...], n_classes: int) -> torch.nn.Module:
        if os.getpid() == here:
            return torch.nn.Linear(input_shape[0], n_classes)
        context = ray.get_runtime_context()
        is_trial = context.get_actor_id() is not None
        given = ray.get_gpu_ids(), os.environ.get("CUDA_VISIBLE_DEVICES"), context.get_node_id()
        with open(seen, "a") as file:
            print(json.dumps([is_trial, os.getpid(), *given]), file=file)
        for k, error in enumerate(errors if is_trial or not together else []):
            try:
                (folder / f"error{k}").touch(exist_ok=False)
            except FileExistsError:
                continue
            raise torch.AcceleratorError(error)
        until = time.monotonic() + PATIENCE
        while is_trial and time.monotonic() < until:
            lines = [json.loads(line) for line in seen.read_text().splitlines()]
            if len({pid for is_trial, pid, *_ in lines if is_trial}) >= together:
                break
            time.sleep(0.1)
        return torch.nn.Linear(input_shape[0], n_classes)

    return build


def main(options: dict[str, Any]) -> None:
    folder = Path(options["folder"])
    kdtune.register_dataset("blobs")(blobs)
    kdtune.register_model("student")(builder(folder, options["together"], options["errors"]))
    if not options["counted"]:
        trial_place.gpu_here = lambda: ("a GPU that is only counted", "")
    [cpus, gpus] = options["nodes"][0]
    if len(options["nodes"]) == 1:
        start_ray(cpus, gpus, print)
    else:
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        for cpus, gpus in options["nodes"]:
            cluster.add_node(num_cpus=cpus, num_gpus=gpus, include_dashboard=False, object_store_memory=2**27)
        ray.init(address=cluster.address, log_to_driver=False)
    space = {
        "dataset": {"name": "blobs"}, "pairs": ["mlp-8->student"], "objectives": ["accuracy", "eod"],
        "budget": {"trials": 4, "epochs": 2}, "keep": "all", "trivial": "keep", **options["space"],
    }  # fmt: skip
    files = RunFiles(folder / "run")
    run_sweep(SweepRequest(files=files, space=parse_space(space, "s"), kind=options["kind"]))
    if options["replicates"]:
        replicated(files)
    ray.shutdown()
    end_servers()
    if len(options["nodes"]) > 1:
        cluster.shutdown()


def replicated(files: RunFiles) -> None:
    """Train the run's teacher and its first student again with another seed, and print what is said."""
    from kdtune.report.evaluate.trained import load_trained
    from kdtune.runs.reader import open_run
    from kdtune.sweep.replicates import Source, replicate

    run = open_run(files.root)
    found = [load_trained(run, model_id) for model_id in ("teacher-mlp-8", "t0000")]
    sources = [Source(m.id, m.role, m.job, safetensors.torch.save(dict(m.state))) for m in found]
    replicate(files, blobs(), sources, 1, seed=0, extras=(), resources=Resources(), say=print)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
