"""What is said when a process ends without a word of its own."""

import subprocess
import sys

import pytest

_PROCESS = """
import os, signal, sys
from kdtune.sweep.remote.last_words import last_words
try:
    with last_words("go on"):
        exec(sys.argv[1])
except ValueError:
    pass
"""


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("os._exit(1)", True),
        ("os.kill(os.getpid(), signal.SIGKILL)", True),
        ("pass", False),
        ("raise ValueError", False),
        ("sys.exit(3)", False),
    ],
)
def test_only_an_end_without_a_word_gets_one(deed: str, said: bool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROCESS, deed], capture_output=True, text=True, check=False
    )
    words = "error: this process was ended, by somebody or by Ray, whose process raylet is gone: go on\n"
    assert ended.stderr == (words if said else "")
