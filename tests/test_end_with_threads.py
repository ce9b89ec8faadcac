"""A process of ours ends, whatever user code has started in it."""

import subprocess
import sys
import time

from tests.limits import PATIENCE

PROGRAM = """
import sys, threading
from kdtune.process_end import end_in_spite_of_threads
if {thread}:
    threading.Thread(target=threading.Event().wait, args=(600,), name="of-a-model").start()
end_in_spite_of_threads(7, patience={patience})
print("last words")
sys.exit(7)
"""


def ended(*, thread: bool, patience: float) -> tuple[subprocess.CompletedProcess[str], float]:
    started = time.monotonic()
    program = PROGRAM.format(thread=thread, patience=patience)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done, time.monotonic() - started


def test_a_thread_that_never_ends_is_named_and_not_waited_for() -> None:
    done, _ = ended(thread=True, patience=0.2)
    assert done.returncode == 7
    assert done.stdout == "last words\n"
    assert done.stderr == "kdtune: threads that never ended are not waited for: of-a-model\n"


def test_without_such_a_thread_nothing_is_waited_for() -> None:
    done, seconds = ended(thread=False, patience=200)
    assert (done.returncode, done.stdout, done.stderr) == (7, "last words\n", "")
    assert seconds < 150
