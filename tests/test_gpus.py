"""GPUs as NVIDIA's library tells of them. No library is here: a stand-in answers in its place."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from kdtune.gpus import Gpu, gpus_of, nvml


class TroubleError(Exception):
    pass


def refuse(*_: object) -> None:
    raise TroubleError


def stand_in(**changes: Any) -> SimpleNamespace:
    """Return a library that knows two GPUs, of which the second is cut into slices and has no utilisation."""
    answers = {
        "NVMLError": TroubleError,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda k: k,
        "nvmlDeviceGetName": lambda k: "H100",
        "nvmlDeviceGetMemoryInfo": lambda k: SimpleNamespace(used=10 << 30, total=80 << 30),
        "nvmlDeviceGetUtilizationRates": lambda k: refuse() if k else SimpleNamespace(gpu=75),
        "nvmlDeviceGetComputeRunningProcesses": lambda k: [1, 2, 3, 4][: 4 - 3 * k],
    }
    return SimpleNamespace(**{**answers, **changes})


def test_each_gpu_is_told_of_as_far_as_the_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in())
    found = gpus_of(nvml())
    assert found == [Gpu("H100", 0.75, 10 << 30, 80 << 30, 4), Gpu("H100", 0.0, 10 << 30, 80 << 30, 1)]
    assert found[0].words == "75% H100, 10.0 of 80.0 GiB, 4 processes"
    assert found[1].words == "0% H100, 10.0 of 80.0 GiB, 1 process"


@pytest.mark.parametrize("library", [None, stand_in(nvmlInit=refuse)])
def test_without_a_library_or_a_driver_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, library: Any
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert nvml() is None
    assert gpus_of(None) == []


def test_a_gpu_that_falls_off_the_bus_ends_the_list() -> None:
    assert gpus_of(stand_in(nvmlDeviceGetMemoryInfo=refuse)) == []


def test_it_loads_neither_torch_nor_ray() -> None:
    program = "import sys, kdtune.gpus; raise SystemExit(bool({'torch', 'ray'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_status_of_a_run_at_work_shows_them(
    small_run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kdtune.cli import main
    from kdtune.runs import lock

    monkeypatch.setitem(sys.modules, "pynvml", stand_in())
    for alive in (False, True):
        monkeypatch.setattr(lock, "signer_lives", lambda files, alive=alive: alive)
        main(["status", str(small_run.path)])
        said = capsys.readouterr().out
        assert ("GPU 0: 75% H100, 10.0 of 80.0 GiB, 4 processes" in said) == alive
