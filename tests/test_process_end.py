"""A process that has said so collects nothing at its end; its exit code, its files and atexit stay as they are."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import atexit, sys
from kdtune.process_end import end_without_collecting

class Circle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print("collected")

atexit.register(print, "registered before")
{call}
atexit.register(print, "registered after")
circle = Circle()
open({path!r}, "w").write("written")
sys.exit(3)
"""


def run(folder: Path, call: str) -> tuple[int, list[str]]:
    script = SCRIPT.format(call=call, path=str(folder / "file.txt"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert not done.stderr
    assert (folder / "file.txt").read_text() == "written"
    return done.returncode, done.stdout.splitlines()


def test_a_process_collects_at_its_end(tmp_path: Path) -> None:
    assert run(tmp_path, "") == (3, ["registered after", "registered before", "collected"])


def test_a_process_of_ours_does_not(tmp_path: Path) -> None:
    found = run(tmp_path, "end_without_collecting()")
    assert found == (3, ["registered after", "registered before"])
