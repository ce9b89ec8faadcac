"""A process of ours takes nothing apart at its end, and ends in spite of user threads; all else is Python's way."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.limits import PATIENCE

SCRIPT = """
import atexit, sys
from kdtune.process_end import end_process, end_without_collecting

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
print("last words", end="")
print("complaint", end="", file=sys.stderr)
{end}
"""


def run(folder: Path, end: str, call: str = "") -> tuple[int, list[str]]:
    script = SCRIPT.format(call=call, end=end, path=str(folder / "file.txt"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == "complaint"
    assert (folder / "file.txt").read_text() == "written"
    return done.returncode, done.stdout.splitlines()


LAST = ["last wordsregistered after", "registered before"]


def test_python_takes_a_process_apart(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(3)") == (3, [*LAST, "collected"])


def test_a_process_that_says_so_collects_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(3)", "end_without_collecting()") == (3, LAST)


def test_a_process_of_ours_ends_as_python_s_do_but_for_that(tmp_path: Path) -> None:
    assert run(tmp_path, "end_process(3)") == (3, LAST)


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", ">/dev/full"])
def test_its_code_is_its_own_where_nobody_reads(redirect: str) -> None:
    program = "from kdtune.process_end import end_process; print('words'); end_process(5)"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {redirect}', sys.executable, program], env=buffered, check=False
    )
    assert done.returncode == 5


THREADS = {
    "none": "",
    "for ever": 'threading.Thread(target=threading.Event().wait, args=(600,), name="of-a-model").start()',
    "a pool that is idle": "pool = ThreadPoolExecutor(1); pool.submit(int).result()",
    "a moment": "threading.Thread(target=lambda: (time.sleep(0.3), print('done'))).start()",
}


def ended(thread: str, patience: float) -> tuple[tuple[int, str, str], float]:
    program = f"""
import threading, time
from concurrent.futures import ThreadPoolExecutor
from kdtune.process_end import end_process
{THREADS[thread]}
print("last words")
end_process(7, patience={patience})
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return (done.returncode, done.stdout, done.stderr), time.monotonic() - started


def test_a_thread_that_never_ends_is_named_and_not_waited_for() -> None:
    told = "kdtune: threads that never ended are not waited for: of-a-model\n"
    assert ended("for ever", 0.2)[0] == (7, "last words\n", told)


@pytest.mark.parametrize("thread", ["none", "a pool that is idle"])
def test_without_such_a_thread_nothing_is_waited_for(thread: str) -> None:
    found, seconds = ended(thread, 200)
    assert found == (7, "last words\n", "")
    assert seconds < 150


def test_a_thread_that_ends_is_waited_for() -> None:
    assert ended("a moment", 200)[0] == (7, "last words\ndone\n", "")
