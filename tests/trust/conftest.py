"""Good files to damage or to replace, one of each kind that kdtune reads."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kdtune.runs import lock
from tests.trust.readers import READERS


@pytest.fixture(scope="module", autouse=True)
def no_wait_for_a_heartbeat() -> Iterator[None]:
    """Hundreds of files are no driver's: whether their heartbeat changes need not be watched for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "_CHANGE_SECONDS", 0.01)
        yield


@pytest.fixture(scope="session")
def fresh(new_folder: Callable[[], Path]) -> Callable[[str], Path]:
    """Return a function that gives a reader's good file in a folder of its own; made once, then copied."""
    made: dict[str, tuple[Path, Path]] = {}

    def copy_of(name: str) -> Path:
        if name not in made:
            folder = new_folder()
            made[name] = folder, READERS[name].make(folder).relative_to(folder)
        folder, path = made[name]
        copied = new_folder() / "x"
        shutil.copytree(folder, copied)
        return copied / path

    return copy_of
