"""The search itself: baselines first, then trials that Ray Tune runs as Optuna proposes them."""

import logging
import math
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import ray

from kdtune.errors import SweepError
from kdtune.files import temporary_folder
from kdtune.runs.lock import owner_of
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.state import ModelState
from kdtune.runs.writer import RunWriter
from kdtune.space.schema import Budget
from kdtune.sweep.baselines import (
    check_teachers,
    make_baselines,
    planned_baselines,
    record_class_bias,
    references_of,
)
from kdtune.sweep.clock import WorkClock
from kdtune.sweep.plan import Plan
from kdtune.sweep.recorded_models import RecordedModels
from kdtune.sweep.remote.allotment import Allotment
from kdtune.sweep.remote.cluster import workers_now
from kdtune.sweep.remote.tasks import TaskTrainer
from kdtune.sweep.remote.teacher_server import TeacherClient
from kdtune.sweep.remote.worker_registry import RegistryClient
from kdtune.sweep.trials.checkpoints import say_room

_NODES_SECONDS = 1.0
"""How long a cluster is taken to be as it was: Tune asks ten times a second, and each time Ray lists all machines."""

_TIMES = re.compile(r" \(\d+ times\)$")
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


def run_search(
    plan: Plan,
    files: RunFiles,
    writer: RunWriter,
    models: RecordedModels,
    trainer: TaskTrainer,
    registry: RegistryClient,
) -> str:
    """Train the baselines, then the trials until the budget is spent or a stop is asked for.

    Return what a person must know of a sweep that has ended well: whether its time was too short for its trials, and
    whether most of them failed, and why.

    Raises:
        SweepError: a baseline could not be trained, every trial failed, or a stop came before the first one.
        DiskError: the run can't be written.
    """
    writer.run_state("preparing", say_room(plan, trainer.allotment.workers, files.root))
    writer.run_state("preparing", "teachers and non-distilled students")
    planned = planned_baselines(plan)
    make_baselines(models, planned)
    if trainer.stopping():
        raise SweepError("stopped before the first trial")
    check_teachers(plan, models, planned, partial(writer.run_state, "preparing"))
    record_class_bias(plan, models, planned, writer)
    references = references_of(plan, models, planned)
    teachers = models.trained_teachers(planned)
    train = plan.space.train_config()
    with trainer.serve(
        teachers, view_seed=plan.space.seed, augment=train.augment, epochs=train.epochs
    ) as served:
        _run_trials(plan, files, writer, references, trainer, registry, served)
    trials = writer.state.trials.values()
    return "; ".join(filter(None, [out_of_time(plan.space.budget, trials), most_failed(trials)]))


def out_of_time(budget: Budget, trials: Iterable[ModelState]) -> str:
    """Return that a sweep that nobody stopped has ended before its trials have, for its time is spent; else nothing."""
    ended = sum(trial.ended is not None for trial in trials)
    if budget.minutes is None or ended >= (1 if budget.trials is None else budget.trials):
        return ""
    many = f"{ended:,}" if budget.trials is None else f"{ended:,} of {budget.trials:,}"
    spent = f"budget.minutes ({budget.minutes:g}) are spent"
    return f"{spent}, {many} trials have ended: --resume goes on for as long again"


def most_failed(trials: Iterable[ModelState]) -> str:
    """Return how many trials failed, and the most frequent reason, if that is half of them or more; else nothing."""
    ended = [trial for trial in trials if trial.ended is not None]
    reasons = [_TIMES.sub("", trial.message) for trial in ended if trial.state == "failed"]
    failed = len(reasons)
    if not failed or 2 * failed < len(ended):
        return ""
    kinds = [_NUMBER.sub("", reason) for reason in reasons]
    most, times = Counter(kinds).most_common(1)[0]
    alike = [reason for reason, kind in zip(reasons, kinds, strict=True) if kind == most]
    how = "with" if len(set(alike)) == 1 else "as in"  # a learning rate in them may differ
    which = "all" if times == failed else times
    return f"{failed} of {len(ended)} trials failed, {which} of them {how}: {alike[0]}"


def _run_trials(
    plan: Plan,
    files: RunFiles,
    writer: RunWriter,
    references: Mapping[str, References],
    trainer: TaskTrainer,
    registry: RegistryClient,
    teachers: TeacherClient,
) -> None:
    # These import Ray Tune. Doing it here uses the time in which the process with the teachers starts.
    from kdtune.sweep.remote.memory_guard import memory_limit
    from kdtune.sweep.remote.watchdog import usual_epoch, watchdog
    from kdtune.sweep.trials.known import Known
    from kdtune.sweep.trials.optuna_study import open_study
    from kdtune.sweep.trials.trial_manager import TrialManager
    from kdtune.sweep.tune.trainable import Shared

    resources = plan.space.resources
    clock = WorkClock()
    manager = TrialManager(
        plan,
        files,
        writer,
        open_study(files.journal, plan.objectives),
        references,
        known=Known.read(files.known).frozen(plan) if files.known.exists() else (),
        stopping=trainer.stopping,
        clock=clock,
    )
    machines = sum(bool(node["Alive"]) for node in ray.nodes())
    shared = Shared(
        trainer.arrays,
        teachers,
        trainer.user_code,
        trainer.allotment.threads,
        plan.extras,
        plan.rungs,
        registry=registry,
        run=files.root.resolve(),
        owner=owner_of(files),
        memory=memory_limit(resources.memory_per_trial, -(-trainer.allotment.workers // machines)),
    )
    writer.run_state("running", trainer.allotment.words(plan.cohort))
    usual = partial(usual_epoch, writer.state)
    with clock.ticking(), watchdog(registry, usual, resources.stall_seconds, ready=teachers.ready()):
        _fit(plan, trainer.allotment, manager, shared)
    if manager.broken is not None:
        raise manager.broken
    manager.interrupt_rest()
    manager.delete_superseded()
    if not trainer.stopping():
        _check_any_succeeded(manager, writer)


def _check_any_succeeded(manager: Any, writer: RunWriter) -> None:
    """Raise SweepError for a sweep that produced no student."""
    if manager.hopeless:
        raise SweepError(manager.hopeless)
    failed = [trial for trial in writer.state.trials.values() if trial.state == "failed"]
    if failed and len(failed) == len(writer.state.trials):
        which = "the only trial failed" if len(failed) == 1 else f"all {len(failed)} trials failed; the first"
        raise SweepError(f"{which}: {failed[0].message}")


def _fit(plan: Plan, allotment: Allotment, manager: Any, shared: Any) -> None:
    """Let Tune run what the manager proposes; Tune's own records go to a folder that is deleted at the end."""
    from ray import tune
    from ray.tune import CheckpointConfig, CLIReporter, FailureConfig, RunConfig, TuneConfig, Tuner

    from kdtune.sweep.tune.scheduler import AskingScheduler
    from kdtune.sweep.tune.searcher import StudySearcher
    from kdtune.sweep.tune.stopper import StopWhen
    from kdtune.sweep.tune.trainable import CohortTrial

    scratch = temporary_folder("tune")
    trainable = tune.with_resources(
        tune.with_parameters(CohortTrial, shared=shared), {"cpu": allotment.cpus, "gpu": allotment.gpus}
    )
    searcher = StudySearcher(
        manager,
        workers=_kept_for(_NODES_SECONDS, partial(workers_now, allotment, plan.space.resources)),
        why_lost=shared.registry.pop_failure,
    )
    scheduler = AskingScheduler(searcher.goes_on)
    tuner = Tuner(
        trainable,
        tune_config=TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            reuse_actors=True,
        ),
        run_config=RunConfig(
            name="sweep",
            storage_path=str(scratch),
            stop=StopWhen(manager.should_stop),
            # By default Tune saves each trial at its end, and fails if a machine does not see the driver's disk.
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            failure_config=FailureConfig(max_failures=0),  # the manager runs failed trials again
            verbose=0,
            progress_reporter=CLIReporter(),  # silent; in a notebook Tune's own would clear the cell's output
        ),
    )
    usr1 = _handler("SIGUSR1")
    tune_log = logging.getLogger("ray.tune")
    level = tune_log.level
    tune_log.setLevel(logging.ERROR)  # it warns of records that are not kept, where Ray is the program's own
    try:
        tuner.fit()
    except KeyboardInterrupt:
        scheduler.end_workers()
        raise
    finally:
        tune_log.setLevel(level)
        shutil.rmtree(scratch, ignore_errors=True)
        if usr1 is not None:  # Tune replaces it
            signal.signal(signal.SIGUSR1, usr1)


def _kept_for(seconds: float, ask: Callable[[], int]) -> Callable[[], int]:
    """Return a function that asks again only when so many seconds have passed since the last answer."""
    answer, until = 0, -math.inf

    def kept() -> int:
        nonlocal answer, until
        if time.monotonic() >= until:
            answer, until = ask(), time.monotonic() + seconds
        return answer

    return kept


def _handler(name: str) -> Any:
    """Return what this process does about a signal; None where that can't be set."""
    in_main = threading.current_thread() is threading.main_thread()
    return signal.getsignal(getattr(signal, name)) if in_main and hasattr(signal, name) else None
