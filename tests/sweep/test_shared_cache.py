"""A cache that belongs to somebody else: what can be read is used, and what can't be written costs only time."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from kdtune.data.cache import cached_tensors
from kdtune.data.mapped import mapped_file
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.training import Training
from kdtune.errors import DataError, RunError
from kdtune.sweep.baseline_cache import Baseline, from_cache, to_cache
from kdtune.sweep.calibration.cache import Measurement

ANNA, BEN = 61_001, 61_002

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may act as two users"
)


@contextmanager
def acting_as(user: int, umask: int) -> Iterator[None]:
    """Have this process's files opened with a user's rights."""
    before = os.umask(umask)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.umask(before)


@pytest.fixture
def baseline(plan_of: Callable[..., Any]) -> Baseline:
    plan = plan_of()
    job = plan.baseline_job("nds", "linear")
    data = DeviceData(Arrays.of(plan.dataset), torch.device("cpu"), view_seed=0, augment=False)
    training = Training(job, data)
    training.run()
    return Baseline(
        "nds-linear", "nds", job, tuple(training.reports), safetensors.torch.save(training.model.state_dict())
    )


@pytest.fixture
def cache() -> Iterator[Path]:
    """Return a folder that both reach: pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=["others may read", "others may not"])
def test_one_user_s_cache_serves_another_or_costs_time(
    umask: int, baseline: Baseline, monkeypatch: pytest.MonkeyPatch, cache: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(cache))
    made: list[str] = []

    def tensors() -> dict[str, torch.Tensor]:
        made.append("tensors")
        return {"x": torch.arange(4)}

    def rows(number: int) -> np.ndarray:
        made.append("rows")
        return np.full(3, number, np.uint8)

    def use(key: str) -> Baseline | None:
        assert torch.equal(cached_tensors(f"tensors/{key}", tensors)["x"], torch.arange(4))
        to_cache(baseline, key)
        Measurement("fusing", [key]).keep({"size": 4})
        return from_cache("nds", "linear", baseline.job, key, ())

    with pytest.MonkeyPatch.context() as patch:
        # Once as root: what is imported at first use may lie where only root can read.
        patch.setenv("KDTUNE_CACHE", str(tmp_path / "warm"))
        use("a")
        mapped_file("images/a", (2, 3), rows, remedy="make room")
    with acting_as(ANNA, umask):
        assert use("a") == baseline
        mapped_file("images/a", (2, 3), rows, remedy="make room")
    made.clear()
    with acting_as(BEN, umask):
        readable = umask == 0o022
        assert from_cache("nds", "linear", baseline.job, "a", ()) == (baseline if readable else None)
        use("a")
        assert made == ([] if readable else ["tensors"])
        assert use("b") is None, "it can't be written, and that is no error"
        if readable:
            assert mapped_file("images/a", (2, 3), rows, remedy="make room")
            assert Measurement("fusing", ["a"]).recall()["size"] == 4
        else:
            with pytest.raises(RunError):
                Measurement("fusing", ["a"]).recall()
        with pytest.raises(DataError, match=r"cannot be written \(Permission denied\): .*KDTUNE_CACHE"):
            mapped_file("images/b", (2, 3), rows, remedy="make room")
