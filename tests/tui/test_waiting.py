"""Before a run has its record: what its driver is doing, with a clock on a terminal."""

import io
import re
import threading
import time
from pathlib import Path

import pytest

from kdtune.files import write_json
from kdtune.runs.lock import driver_lock
from kdtune.runs.paths import RunFiles
from kdtune.runs.writer import RunWriter
from kdtune.text import without_escapes
from tests.limits import PATIENCE
from tui import waiting
from tui.sources.synthetic import Synthetic


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("out", [Screen(), io.StringIO()])
def test_what_a_driver_prepares_is_said_until_the_record_is_there(tmp_path: Path, out: io.StringIO) -> None:
    files = RunFiles(tmp_path / "run")
    files.root.mkdir()
    writer = RunWriter(files)
    with driver_lock(files):
        thread = threading.Thread(target=waiting.await_record, args=(files.root, None, out))
        thread.start()
        for step in ("data: table", "starting Ray"):
            writer.run_state("preparing", step)
            limit = time.monotonic() + PATIENCE
            while step not in out.getvalue():
                assert time.monotonic() < limit
                time.sleep(0.02)
        assert (re.search(r"\d s", out.getvalue()) is not None) is out.isatty()
        if out.isatty():  # what has been prepared stays in sight, with the time that it took
            limit = time.monotonic() + PATIENCE
            while not re.search(
                r"✓ \d+ s +data: table\s+… \d+ s +starting Ray", without_escapes(out.getvalue())
            ):
                assert time.monotonic() < limit, out.getvalue()[-400:]
                time.sleep(0.02)
        write_json(files.record, Synthetic().record.to_dict())
        thread.join(PATIENCE)
        assert not thread.is_alive()
    writer.close()


def test_a_folder_without_a_driver_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "STARTING_SECONDS", 0.3)
    out = io.StringIO()
    waiting.await_record(tmp_path, None, out)
    assert "is being prepared" in out.getvalue()
