"""The helper process: it trusts nothing in the folder where it starts, and ends with the monitor."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tui.background.helper import Helper


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
    assert helper.process.wait(60) == 0  # it came as far as to wait for a question
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
        helper.wait(60)
