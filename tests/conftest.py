"""Fixtures shared by all tests: a cache of their own, one Ray for the session, one small finished run, its export."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from kdtune.bytecode import compile_once, keep_bytecode

# Before the cache is another one, and before what is tested is imported.
keep_bytecode()
compile_once()

# A busy machine is also slow at drawing examples; that says nothing about the code under test.
settings.register_profile("kdtune", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kdtune")

os.environ.setdefault("RAY_worker_niceness", "0")  # tests must not wait for other work on the machine

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
    "resources": {"workers": 1},
}
"""A sweep of seconds: real data, real training, two pairs."""


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
def small_run(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a finished run of `SMALL_SPACE`, made once for the session; nobody changes it."""
    import kdtune

    return kdtune.search(SMALL_SPACE, name="small", directory=tmp_path_factory.mktemp("runs"))


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
