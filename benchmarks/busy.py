"""Starts of Ray beside busy processes: how many succeed, and how long they take.

python -m benchmarks.busy [STARTS [PROCESSES]]
"""

import statistics
import subprocess
import sys
import time

START = """
import time
begun = time.monotonic()
from kdtune.sweep.remote.cluster import connected, prepare_environment
prepare_environment()
import ray
said = []
with connected(None, said.append):
    started = time.monotonic() - begun
    assert ray.get(ray.remote(lambda: 7).remote()) == 7
    print(f"{started:.1f} {time.monotonic() - begun:.1f} {len(said)}")
for words in said:
    print(words)
"""


def main(starts: int = 20, processes: int = 16) -> None:
    """Print each start: seconds until Ray runs, until a task has answered, and what was said meanwhile."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    took: list[float] = []
    try:
        time.sleep(2)
        for number in range(1, starts + 1):
            ended = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=False)
            said = ended.stdout.strip() if ended.returncode == 0 else ended.stderr.strip().splitlines()[-1]
            print(f"{number}: {'ok' if ended.returncode == 0 else 'FAILED'} {said}", flush=True)
            if ended.returncode == 0:
                took.append(float(said.split()[0]))
    finally:
        for process in busy:
            process.kill()
    median = f", median {statistics.median(took):.1f} s, longest {max(took):.1f} s" if took else ""
    print(f"{len(took)} of {starts} starts beside {processes} busy processes{median}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
