"""Fixtures shared by all tests: a cache of their own, one Ray a worker, one small finished run, its export.

pytest-xdist runs files side by side, one worker a core, and the slowest first.
"""

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from kdtune.bytecode import compile_once, keep_bytecode
from kdtune.process_end import end_without_collecting
from kdtune.sweep.remote.cluster import prepare_environment

# Before a test's module imports Ray, which under `uv run` would rebuild the environment for every worker.
prepare_environment()

# Before the cache is another one, and before what is tested is imported.
keep_bytecode()
compile_once()
end_without_collecting()

# Two workers compute on the same cores. A thread of torch that waits for others must not keep a core busy meanwhile.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# While modules are imported there is nothing to collect, and the collector would look through all of them each time.
gc.disable()

# A busy machine is also slow at drawing examples; that says nothing about the code under test.
settings.register_profile("kdtune", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kdtune")

IN_MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that must be free for the files of all tests to be kept in memory; they take a quarter of it."""

if IN_MEMORY.is_dir() and min(shutil.disk_usage(IN_MEMORY).free, psutil.virtual_memory().available) > ROOM:
    # A sweep waits for the disk each time that a state must outlive a power cut; thousands of such waits are minutes.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))

TINY_SPACE: dict[str, Any] = {
    "dataset": {
        "name": "trifeature",
        "shapes": 2,
        "colors": 2,
        "n_train": 60,
        "n_validation": 60,
        "n_test": 20,
    },
    "pairs": ["lenet5->mlp-16"],
    "budget": {"trials": 1, "epochs": 1},
    "train": {"precision": "float32", "channels_last": False},
}
"""A sweep of one trial."""

SMALL_SPACE: dict[str, Any] = {
    "dataset": {
        "name": "trifeature",
        "label": "shape",
        "sensitive": "color",
        "shapes": 3,
        "colors": 2,
        "n_train": 400,
        "n_validation": 300,
        "n_test": 300,
        "correlation": 0.5,
    },
    "pairs": ["resnet8->lenet5", "lenet5->mlp-16"],
    "objectives": ["accuracy", "eod"],
    "budget": {"trials": 4, "epochs": 2},
    "train": {"optimizer": "adamw", "lr": 0.003, "precision": "float32", "channels_last": False},
    "trivial": "keep",  # two epochs do not teach much
    "resources": {"workers": 1},
}
"""A sweep of seconds: real data, real training, two pairs."""


ROOT = Path(__file__).parent

SLOW_FILES = (
    "sweep/test_end_to_end.py",
    "test_checks.py",
    "sweep/test_logical_gpus.py",
    "test_cli.py",
    "tui/test_app.py",
    "tui/test_keys.py",
    "test_in_a_program.py",
    "test_api.py",
    "sweep/test_replicates.py",
    "benchmarks/test_gpu.py",
    "tui/test_snapshots.py",
    "sweep/remote/test_local_ray.py",
    "sweep/remote/test_fork_server.py",
    "sweep/test_cohorts_end_to_end.py",
    "test_bytecode.py",
    "trust/test_damaged.py",
    "report/study/test_written.py",
    "distill/cohorts/test_fused.py",
    "report/export/test_formats.py",
    "fairness/test_comparison.py",
    "benchmarks/test_quick.py",
    "simulated/test_step_graph.py",
    "sweep/test_ensembles.py",
    "tui/test_faults.py",
    "trackers/test_feed.py",
    "tui/test_terminals.py",
    "sweep/test_from_logits.py",
    "student/test_alone.py",
    "sweep/test_from_files.py",
    "tui/test_hands.py",
    "report/export/test_damaged_models.py",
    "trust/test_no_files.py",
    "runs/test_lock.py",
    "simulated/test_budgets.py",
    "trackers/test_real_libraries.py",
    "data/tables/test_written_and_read.py",
    "simulated/test_training.py",
    "student/test_evaluate.py",
    "simulated/test_execution.py",
    "report/export/test_figures.py",
    "models/test_build.py",
    "tui/charts/test_charts.py",
    "fairness/test_intervals.py",
    "report/export/test_read_aloud.py",
    "sweep/test_two_at_once.py",
    "tui/serve/test_serve.py",
)
"""The files that take longest, the longest first: begun last, one of them would keep one core busy alone."""

MOST_WORKERS = 4
"""More would start as many Rays at once."""

_LONGEST_ID = 100
"""Characters of a parameter in a test's name."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers: one a core; none where a single file is asked for, which they can't share."""
    asked = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    if asked:
        return int(asked)
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and files.pop().endswith(".py"):
        return 0
    return min(psutil.cpu_count() or 1, MOST_WORKERS)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call what is binary or long by its argument: files may hold the time, and workers must find the same tests."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > _LONGEST_ID) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first; the others keep their order."""
    places = {ROOT / name: place for place, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Free the memory that the files take; those of a run that failed stay until the next one."""
    is_worker = hasattr(session.config, "workerinput")
    base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    if exitstatus == 0 and not is_worker and base.is_relative_to(IN_MEMORY):
        shutil.rmtree(base, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the modules: a library that collects by itself took a second each time."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that gives all workers the same folder of a name, and has the first of them fill it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, filled = shared / name, shared / f"{name}.filled"
        with FileLock(shared / f"{name}.lock"):
            if not filled.exists():
                folder.mkdir()
                fill(folder)
                filled.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that makes an empty folder, for tests of many examples.

    `tmp_path_factory.mktemp` looks through all folders that it has made: thousands of them, milliseconds for each.
    """
    inside, numbers = tmp_path_factory.mktemp("folders"), itertools.count()

    def make() -> Path:
        folder = inside / str(next(numbers))
        folder.mkdir()
        return folder

    return make


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep tests out of the user's cache, and the user's cache out of tests."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("KDTUNE_CACHE")
    os.environ["KDTUNE_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["KDTUNE_CACHE"]
    else:
        os.environ["KDTUNE_CACHE"] = before


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: small sizes are faster that way, and sums are reproducible."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """Start Ray once: it takes seconds."""
    from kdtune.sweep.remote.cluster import connected

    with connected(None):
        yield


@pytest.fixture(scope="session")
def small_run(request: pytest.FixtureRequest, made_once: Callable[..., Path], own_cache: Path) -> Any:
    """Return a finished run of `SMALL_SPACE`, made once for all workers; nobody changes it.

    What it left in the cache of the worker that made it is in those of the others too. It replaces what they measured
    and trained before: who compares a sweep with this one must form the same cohorts and find the same baselines.
    """
    import kdtune
    from kdtune.runs import open_run

    def search(folder: Path) -> None:
        request.getfixturevalue("ray_session")
        kdtune.search(SMALL_SPACE, name="small", directory=folder / "runs")
        shutil.copytree(own_cache, folder / "cache")

    def replace(source: str, target: str) -> None:
        shutil.copy2(source, f"{target}.new")
        os.replace(f"{target}.new", target)  # data that are mapped into memory stay as they are

    folder = made_once("small-run", search)
    shutil.copytree(folder / "cache", own_cache, dirs_exist_ok=True, copy_function=replace)
    return open_run(folder / "runs" / "small")


@pytest.fixture(scope="session")
def exported(small_run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the folder and the findings of an export; nobody changes it."""
    from kdtune.report.export.run import ExportRequest, run_export

    return run_export(ExportRequest(run=small_run.path, out=tmp_path_factory.mktemp("export") / "out"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data that lies beside the repository on the project's own machines."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository: real data sets are not part of it")
    return folder
