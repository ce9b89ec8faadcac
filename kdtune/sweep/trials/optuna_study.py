"""The Optuna study of a run: its journal, its sampler, and what it learns about each trial.

The journal alone decides which trials exist: a resumed sweep reads from it what is left to do.
"""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from kdtune.data.seeds import derive_seed
from kdtune.errors import DiskError, RunError, is_disk_error
from kdtune.files import open_regular
from kdtune.pareto import Constraint, violations
from kdtune.runs.jsonl import cut_torn_tail
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.state import ModelState
from kdtune.space.losses import losses_of
from kdtune.space.reading import Space
from kdtune.space.trials import combinations, given
from kdtune.sweep.trials.history import BoundedHistory
from kdtune.sweep.trials.journal import LIST_KEY, Journal
from kdtune.sweep.trials.known import KnowingSampler
from kdtune.sweep.trials.sampling import TrialSampler

STARTUP_TRIALS = 10


def open_study(journal: Path, objectives: Sequence[Objective]) -> optuna.Study:
    """Open the study in a journal, or begin it: a new one has the run's name, that of the journal's folder.

    Raises:
        RunError: the journal is damaged.
        DiskError: it can't be written.
    """
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        # A driver that was killed while writing leaves its lock; the run's own lock ensures that nobody else writes.
        journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
        cut_torn_tail(journal)
        if journal.exists():
            open_regular(journal).close()  # Optuna would wait for ever at a FIFO
        return _opened(journal, objectives)
    except OSError as error:
        if is_disk_error(error):
            raise DiskError.of(error, journal) from error
        raise RunError(f"{journal}: not readable ({error.strerror})") from None
    except Exception as error:  # Optuna may raise anything at a line that it did not write
        raise RunError(
            f"{journal}: damaged ({type(error).__name__}): what was recorded can be read and exported, but the "
            "search can't go on: start a new run"
        ) from error
    finally:
        optuna.logging.set_verbosity(verbosity)  # the program may have studies of its own


def _opened(journal: Path, objectives: Sequence[Objective]) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        backend = Journal(journal)
        storage = JournalStorage(backend)
    begun = optuna.get_all_study_names(storage)
    study = optuna.create_study(
        storage=storage,
        study_name=begun[0] if begun else journal.resolve().parent.name,
        directions=["maximize" if o.measure.direction == "max" else "minimize" for o in objectives],
        sampler=RandomSampler(seed=0),
        load_if_exists=True,
    )
    if not study.metric_names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([o.name for o in objectives])
    _journals[study] = backend
    return study


_journals: WeakKeyDictionary[optuna.Study, Journal] = WeakKeyDictionary()


def waiting_once(study: optuna.Study) -> contextlib.AbstractContextManager[None]:
    """Let a study's journal wait for the disk once, at the end of the block."""
    return _journals[study].waiting_once()


def make_sampler(space: Space, number: int, seen: optuna.Study | None = None) -> BaseSampler:
    """Return the sampler that proposes the trial with this number: as the space says it, or as it is enqueued.

    Each trial gets a new sampler that depends only on the seed, the number and the study's history, so that a sweep
    that was killed and resumed proposes what an uninterrupted one would have proposed.

    Args:
        space: searched.
        number: of the trial.
        seen: the study with known trials (see `with_known`), where there are any.
    """
    base = _trial_sampler(space, number)
    return base if seen is None else KnowingSampler(base, seen)


def _trial_sampler(space: Space, number: int) -> BaseSampler:
    seed = derive_seed(space.seed, "sampler", number) % 2**32
    told = given(space.enqueue[number], space.pairs) if number < len(space.enqueue) else {}
    finite = combinations(space.pairs, space.search) or []
    base = _sampler(space, seed)
    if not told and len(finite) < 2:
        return base
    return TrialSampler(base, given=told, combinations=finite if len(finite) > 1 else [], seed=seed)


def _sampler(space: Space, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match space.sampler:
            case "tpe":
                return BoundedHistory(
                    TPESampler(
                        seed=seed,
                        n_startup_trials=STARTUP_TRIALS,
                        multivariate=True,
                        group=any(p.search for p in space.pairs)
                        or any(len(losses_of(s)) > 1 for s in space.searches),
                    )
                )
            case "nsgaii":
                return NSGAIISampler(seed=seed, population_size=20)
            case "gp":
                return GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS, deterministic_objective=False)
            case "random":
                return RandomSampler(seed=seed)


def tell(
    study: optuna.Study,
    number: int,
    model: ModelState,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    curve: Mapping[int, float] | None = None,
) -> None:
    """Tell the study how a trial ended; for whoever reads the study, also its id, seed, pair and all measures.

    Args:
        curve: the objective by epoch, where there is only one: Optuna takes no intermediate values of several.

    It is COMPLETE only if it was trained to the end with every value defined, PRUNED if it was stopped early, and FAIL
    otherwise: the sampler does not mistake the last two for results.
    """
    values = [model.values.get(objective.name, float("nan")) for objective in objectives]
    broken = violations(constraints, model.values)
    trial = _trial(study, number)
    with _journals[study].together():
        _describe(trial, model)
        known = study.get_trials(deepcopy=False)[number].intermediate_values
        for epoch, value in (curve or {}).items():
            if epoch not in known and np.isfinite(value):
                trial.report(value, epoch)
    if model.state == "stopped":
        study.tell(number, state=TrialState.PRUNED)
        return
    if model.state != "done" or not np.isfinite([*values, *broken.values()]).all():
        study.tell(number, state=TrialState.FAIL)
        return
    with _journals[study].together():
        for name, violation in broken.items():
            trial.set_constraint(name, violation)
        if broken:
            trial.storage.set_trial_system_attr(trial._trial_id, LIST_KEY, list(broken.values()))
    study.tell(trial, values)


def _describe(trial: optuna.Trial, model: ModelState) -> None:
    """Write what a trial is called in the run, and its measures, as attributes of the study's trial."""
    facts = {"id": model.id, **{key: model.config[key] for key in ("pair", "seed") if key in model.config}}
    measures = {name: value for name, value in model.values.items() if np.isfinite(value)}
    for name, value in {**facts, **measures}.items():
        trial.set_user_attr(name, value)


def _trial(study: optuna.Study, number: int) -> optuna.Trial:
    return optuna.Trial(
        study, study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    )


def ask(study: optuna.Study, space: Space, number: int, seen: optuna.Study | None = None) -> optuna.Trial:
    """Return a new trial of the study, which has `number` trials so far; `seen` as for `make_sampler`."""
    study.sampler = make_sampler(space, number, seen)
    return study.ask()


def unfinished(study: optuna.Study) -> list[int]:
    """Return the numbers of the trials that began and never ended."""
    return [
        t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING))
    ]


def is_told(study: optuna.Study, number: int) -> bool:
    """Return whether the study knows how a trial ended."""
    return study.get_trials(deepcopy=False)[number].state.is_finished()


def take_up(study: optuna.Study, space: Space, number: int, seen: optuna.Study | None = None) -> optuna.Trial:
    """Return an unfinished trial, to be run (again) under its own number with its own parameters.

    One that the study knows as finished is trained anew with the parameters that it had.

    Where the driver was killed between two parameters, those that were drawn stay, and the sampler is brought to where
    it was: drawing is in order, so the others come out as they would have.
    """
    if is_told(study, number):
        return cast(optuna.Trial, study.trials[number])  # it suggests what it holds
    study.sampler = make_sampler(space, number, seen)
    trial = _trial(study, number)
    known = study.trials[number]
    for name, distribution in known.distributions.items():
        if name not in trial.relative_params and not distribution.single():
            study.sampler.sample_independent(study, known, name, distribution)
    return trial
