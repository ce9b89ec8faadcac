"""What else runs the same trials on one machine: Optuna alone in processes, and Syne Tune's local backend.

Both train a student as `by_hand.py` does; they differ from it in who starts the trials. Syne Tune is no dependency of
kdtune: `uv run --with syne-tune python -m benchmarks sweeps` brings it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

from benchmarks import by_hand

NAMES = ("Optuna in processes", "Syne Tune")


def installed() -> list[str]:
    """Return the peers that can run here."""
    return [name for name in NAMES if name != "Syne Tune" or importlib.util.find_spec("syne_tune")]


def main() -> None:
    """Run a sweep with a peer, or (for Syne Tune, which starts this file for each trial) a single trial."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=[*NAMES, "trial"])
    parser.add_argument("task", type=Path)
    parser.add_argument("result", type=Path, nargs="?")
    for name in ("temperature", "alpha", "lr"):
        parser.add_argument(f"--{name}", type=float)
    asked, _ = parser.parse_known_args()  # Syne Tune adds a folder for checkpoints
    if asked.peer == "trial":
        _trial(
            json.loads(asked.task.read_text()), {k: getattr(asked, k) for k in ("temperature", "alpha", "lr")}
        )
        return
    run = {"Optuna in processes": _optuna, "Syne Tune": _syne_tune}[asked.peer]
    asked.result.write_text(json.dumps(run(asked.task, json.loads(asked.task.read_text()))))


def _optuna(path: Path, task: dict[str, Any]) -> list[dict[str, float]]:
    """Run Optuna's own pattern: one study in a journal, and as many processes that optimise it as there are cores."""
    study = _study(path, create=True)
    for config in task["configs"]:
        study.enqueue_trial(config)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_optimise, args=(path, len(task["configs"][k :: task["cores"]])))
        for k in range(task["cores"])
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"a process of Optuna's ended with code {worker.exitcode}")
    return [{**t.params, "accuracy": t.values[0], "eod": t.values[1]} for t in study.get_trials()]


def _study(path: Path, *, create: bool = False) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    journal = path.with_name("optuna.journal")
    if create:
        journal.unlink(missing_ok=True)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    if create:
        return optuna.create_study(storage=storage, study_name="sweep", directions=["maximize", "minimize"])
    return optuna.load_study(storage=storage, study_name="sweep")


def _optimise(path: Path, trials: int) -> None:
    import torch

    torch.set_num_threads(1)
    task = json.loads(path.read_text())

    def objective(trial: Any) -> tuple[float, float]:
        told: list[dict[str, float]] = []
        config = {name: trial.suggest_float(name, **bounds) for name, bounds in task["space"].items()}
        by_hand.train(config, task, told.append)
        return told[-1]["accuracy"], told[-1]["eod"]

    _study(path).optimize(objective, n_trials=trials)


def _syne_tune(path: Path, task: dict[str, Any]) -> list[dict[str, float]]:
    """Run Syne Tune's own pattern: its local backend starts a script for each trial, as many as there are cores."""
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import loguniform, uniform
    from syne_tune.optimizer.baselines import RandomSearch

    space = {
        name: (loguniform if bounds.get("log") else uniform)(bounds["low"], bounds["high"])
        for name, bounds in task["space"].items()
    }
    os.chdir(path.parent)  # to look for GPUs, it writes a file into the current folder
    left = iter(task["configs"])

    class Given(RandomSearch):  # type: ignore[misc]
        """Ends with the configurations that it is given; random search would go on."""

        def suggest(self) -> Any:
            return super().suggest() if next(left, None) else None

    # It refuses a second metric; it chooses nothing here.
    scheduler = Given(space, metrics=["accuracy"], do_minimize=False, points_to_evaluate=task["configs"])
    script = path.with_name("syne_tune_trial.py")
    script.write_text(
        f"import sys\nsys.argv[1:1] = ['trial', {str(path)!r}]\nfrom benchmarks.peers import main\nmain()\n"
    )
    tuner = Tuner(
        trial_backend=LocalBackend(entry_point=str(script)),
        scheduler=scheduler,
        stop_criterion=StoppingCriterion(max_num_trials_completed=len(task["configs"]) - 1),
        n_workers=task["cores"],
        wait_trial_completion_when_stopping=True,
    )
    tuner.run()
    names = ("temperature", "alpha", "lr", "accuracy", "eod")
    return [{name: float(row[name]) for name in names} for row in tuner.tuning_status.trial_rows.values()]


def _trial(task: dict[str, Any], config: dict[str, float]) -> None:
    from syne_tune import Reporter

    report = Reporter()
    by_hand.train(config, task, lambda metrics: report(**metrics))


if __name__ == "__main__":
    main()
