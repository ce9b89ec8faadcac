"""What a driver has ready for Ray's workers before it starts Ray."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from kdtune.errors import SweepError
from kdtune.runs.paths import RunFiles
from kdtune.space.reading import Space, parse_space
from kdtune.sweep import driver


@pytest.fixture
def space() -> Space:
    return parse_space(
        {
            "dataset": {"name": "trifeature", "n_train": 60, "n_validation": 60, "n_test": 20},
            "pairs": ["timm:mobilenetv3_small_050->lenet5"],
        },
        "space",
    )


def test_workers_begin_with_the_libraries_that_their_models_are_made_of(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[str]] = []

    @contextlib.contextmanager
    def connected(_address: object, _say: object, libraries: Iterable[str]) -> Iterator[None]:
        asked.append(set(libraries))
        raise SweepError("no further")
        yield

    monkeypatch.setattr(driver, "connected", connected)
    with pytest.raises(SweepError, match="no further"):
        driver.run_sweep(driver.SweepRequest(RunFiles(tmp_path / "run"), space, own_process=True))
    assert asked == [{"timm"}]


@pytest.mark.parametrize(
    ("connected", "address", "own_process", "ahead"),
    [
        (False, None, False, True),
        (True, None, False, False),  # its workers have a server already, or are the user's Ray's
        (False, "head:6379", False, False),
        (False, None, True, False),  # it has been forked
    ],
)
def test_a_program_s_server_imports_torch_while_the_data_are_read(
    connected: bool,
    address: str | None,
    own_process: bool,
    ahead: bool,
    space: Space,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    @contextlib.contextmanager
    def server_ahead() -> Iterator[None]:
        done.append("server")
        yield

    def load_data(*_: object) -> None:
        done.append("data")
        raise SweepError("no further")

    monkeypatch.setattr(driver, "server_ahead", server_ahead)
    monkeypatch.setattr(driver, "load_data", load_data)
    monkeypatch.setattr(driver, "is_connected", lambda: connected)
    request = driver.SweepRequest(RunFiles(tmp_path / "run"), space, address=address, own_process=own_process)
    with pytest.raises(SweepError, match="no further"):
        driver.run_sweep(request)
    assert done == (["server", "data"] if ahead else ["data"])
