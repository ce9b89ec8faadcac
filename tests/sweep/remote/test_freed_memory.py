"""Whether a process takes memory that it has freed again, without asking the system for it."""

import os
import subprocess
import sys

import pytest

from tests.limits import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is about glibc")

STEPS = """
import resource
from kdtune.sweep.remote.freed_memory import keep_freed_memory
keep_freed_memory()
def step():
    activations = [b"x" * (8 << 20) for _ in range(4)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 10 * 4 * (8 << 20) // os.sysconf("SC_PAGE_SIZE")


def faults(**environment: str) -> int:
    """Return how many pages the system had to find for ten steps."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return int(done.stdout)


def test_a_step_takes_the_memory_that_the_one_before_it_has_freed() -> None:
    assert faults() < PAGES / 20


def test_the_environment_decides_where_it_says_how_memory_is_allocated() -> None:
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") > PAGES / 2
