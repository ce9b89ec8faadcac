"""What it costs that finished trials outlive a power cut: the time that a sweep's driver waits for the disk.

python -m benchmarks.durability [TRIALS [FOLDER]]
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import kdtune
from kdtune.sweep.remote.cluster import prepare_environment


def main(trials: int = 24, folder: str = "runs") -> None:
    """Run the default space in a folder on the disk in question; print the waits of each trial, and their share."""
    prepare_environment()
    waited: list[float] = []
    sync = os.fsync

    def timed(descriptor: int) -> None:
        begun = time.perf_counter()
        sync(descriptor)
        waited.append(time.perf_counter() - begun)

    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="durability-", dir=folder) as place:
        os.fsync = timed  # type: ignore[assignment]  # kdtune syncs by descriptor
        try:
            run = kdtune.search("default", trials=trials, directory=place)
        finally:
            os.fsync = sync
        done = [trial for trial in run.state().trials.values() if trial.ended is not None]
        begun = run.state().trials_started or 0.0
        lasted = max(trial.ended or 0.0 for trial in done) - begun
    print(
        f"{len(done)} trials in {lasted:.1f} s; {len(waited)} syncs in all, {1000 * statistics.median(waited):.1f} ms "
        f"each in the median, {sum(waited):.2f} s together: {sum(waited) / lasted:.1%} of the time"
    )


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, str), sys.argv[1:], strict=False)))
