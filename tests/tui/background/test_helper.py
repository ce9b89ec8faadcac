"""The helper process: it trusts nothing in the folder where it starts, and ends with the monitor."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kdtune.runs.reader import Run
from tests.limits import PATIENCE
from tui.background.helper import Helper
from tui.background.questions import ResolutionOf


def test_it_imports_nothing_from_the_folder_where_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monitor is opened in the user's folder, and that may hold somebody else's data."""
    ran = tmp_path / "ran"
    for name in ("numpy", "pickle", "scipy", "kdtune", "tui"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    helper = Helper()
    helper.questions.close()
    assert helper.process.wait(PATIENCE) == 0  # it came as far as to wait for a question
    helper.close()
    assert not ran.exists()


def test_it_ends_when_the_monitor_is_killed() -> None:
    code = (
        "import time\nfrom tui.background.helper import Helper\n"
        "print(Helper().process.pid, flush=True)\ntime.sleep(600)\n"
    )
    monitor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert monitor.stdout is not None
    with monitor.stdout:
        helper = psutil.Process(int(monitor.stdout.readline()))
        monitor.send_signal(signal.SIGKILL)
        monitor.wait()
        helper.wait(PATIENCE)


def test_it_says_what_of_a_front_is_beyond_noise_each_time_the_same(small_run: Run) -> None:
    members = tuple(small_run.front().index)
    helper = Helper()
    try:
        question = ResolutionOf(small_run.path, members, 10)
        found = helper.ask(question, list(small_run.record.attributes))
        again = helper.ask(question, list(small_run.record.attributes))
    finally:
        helper.kill()
        helper.close()
    assert found == again
    assert found.known
    assert [member for step in found.steps for member in step] == list(members)


def test_a_front_that_is_gone_has_no_answer(tmp_path: Path) -> None:
    helper = Helper()
    try:
        assert helper.ask(ResolutionOf(tmp_path, ("t0000",), 10), []) is None
    finally:
        helper.kill()
        helper.close()
