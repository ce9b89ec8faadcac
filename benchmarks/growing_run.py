"""A made-up run that grows at a rate."""

import json
import threading
import time
from pathlib import Path


class GrowingRun:
    """Lets a made-up run grow at a rate, from a thread: events, and full reports of the trial that reports."""

    def __init__(
        self, path: Path, rate: float, *, trials: int = 1000, epochs: int = 200, classes: int = 100
    ) -> None:
        from kdtune.files import dumps
        from tui.sources.synthetic import Synthetic

        self.world = Synthetic(
            trials=trials, epochs=epochs, classes=classes, done=0, running=4, exact=False, state="running"
        )
        self.path = path
        self.rate = rate
        self.sent = 0
        self.late = 0.0
        self.dumps = dumps
        self.template = json.dumps(self.world.report("t0000", 3).to_dict())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def prepare(self, *, trials_done: int) -> "GrowingRun":
        from tui.sources.synthetic import Synthetic

        world = Synthetic(
            trials=self.world.n_trials,
            epochs=4,
            classes=len(self.world.record.classes),
            done=trials_done,
            exact=False,
            state="running",
        )
        files = world.write(self.path, reports=False)
        for model_id in ("teacher-resnet20", "nds-lenet5"):
            target = files.reports(model_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "w") as file:
                for epoch in range(1, 5):
                    file.write(json.dumps(world.report(model_id, epoch).to_dict()) + "\n")
        self.first = trials_done
        return self

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.sent

    def _run(self) -> None:
        from kdtune.runs.paths import RunFiles

        files = RunFiles(self.path)
        running = [f"t{self.first + k:04d}" for k in range(4)]
        with open(files.events, "ab", buffering=0) as events:
            open_files = {}
            for model_id in running:
                event = {
                    "t": time.time(),
                    "kind": "trial",
                    "id": model_id,
                    "model": "student",
                    "epochs": 100_000,
                    "state": "running",
                }
                events.write(
                    (self.dumps({**event, "config": self.world.config(int(model_id[1:]))}) + "\n").encode()
                )
                files.model(model_id).mkdir(parents=True, exist_ok=True)
                open_files[model_id] = open(files.reports(model_id), "ab", buffering=0)  # noqa: SIM115
            epochs = dict.fromkeys(running, 0)
            begun = time.monotonic()
            while not self._stop.is_set():
                due = int((time.monotonic() - begun) * self.rate)
                while self.sent < due:
                    model_id = running[self.sent % 4]
                    epochs[model_id] += 1
                    epoch = epochs[model_id]
                    report = self.template.replace('"epoch": 3', f'"epoch": {epoch}', 1)
                    open_files[model_id].write((report + "\n").encode())
                    values = self.world._values(model_id, 1 + epoch % 200, None)  # type: ignore[arg-type]
                    event = {
                        "t": time.time(),
                        "kind": "report",
                        "id": model_id,
                        "epoch": epoch,
                        "seconds": 1.0,
                        "values": values,
                    }
                    events.write((self.dumps(event) + "\n").encode())
                    self.sent += 1
                time.sleep(0.004)
            for file in open_files.values():
                file.close()
