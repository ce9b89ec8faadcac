"""Trials of an earlier run that the sampler knows: they steer what is proposed, and are no trials of this run."""

import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import optuna
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from kdtune.errors import InputError, RunError
from kdtune.files import read_json, write_json
from kdtune.pareto import violations
from kdtune.runs.measures.measure import OwnMeasure
from kdtune.runs.measures.objectives import find_measure
from kdtune.runs.reader import Run
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan
from kdtune.sweep.trials.wrapped_sampler import WrappedSampler
from kdtune.text import shortened

LOOKING = ("tpe", "gp")
"""Samplers whose proposals follow from all earlier trials."""

_NUMBER = -1
"""Of a known trial, which has none in this study: it comes before all others."""

_OWN = ("seed", "view_seed", "precision", "channels_last", "execution")
"""What the same configuration may have otherwise in another run."""

_LONGEST = 60
"""Characters of a value in a message."""

_PROTOCOL = ("train", "teacher", "student", "trivial", "constraints")


@dataclass(frozen=True)
class KnownTrial:
    """A trial of another run, in the terms of this one's study.

    Attributes:
        id: there.
        params: by label in the study.
        values: of the objectives, in order.
        violations: of the constraints, by name.
    """

    id: str
    params: Mapping[str, Any]
    values: Sequence[float]
    violations: Mapping[str, float]


@dataclass(frozen=True)
class Known:
    """What is known from another run.

    Attributes:
        run: its name.
        path: where it was.
        left_out: number of its finished trials that this space does not contain, or whose values are undefined.
    """

    run: str
    path: str
    trials: tuple[KnownTrial, ...]
    left_out: int

    def save(self, path: Path) -> None:
        """Write it, so that a resumed run has it even where the other run is gone."""
        write_json(path, {**asdict(self), "trials": [asdict(trial) for trial in self.trials]}, durable=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            RunError: it is missing or damaged.
        """
        try:
            state = read_json(path)
            return cls(**{**state, "trials": tuple(KnownTrial(**trial) for trial in state["trials"])})
        except (KeyError, TypeError) as error:
            raise RunError(f"{path}: damaged ({error!r})") from None

    def record(self) -> dict[str, Any]:
        """Return what `run.json` says of it."""
        return {"run": self.run, "path": self.path, "trials": len(self.trials), "left_out": self.left_out}

    def frozen(self, plan: Plan) -> list[FrozenTrial]:
        """Return the trials as Optuna knows them."""
        found = []
        for trial in self.trials:
            asked = FixedTrial(dict(trial.params))
            plan.student(cast(optuna.Trial, asked))
            frozen = create_trial(
                state=TrialState.COMPLETE,
                values=list(trial.values),
                params=dict(trial.params),
                distributions=asked.distributions,
            )
            for name, violation in trial.violations.items():
                frozen.set_constraint(name, violation)
            frozen.number = _NUMBER
            found.append(frozen)
        return found


def known_of(run: Run, plan: Plan, validation_sha256: str) -> Known:
    """Return the finished trials of another run that are known to a sweep of this plan.

    Raises:
        InputError: they were made with other data or another protocol; the message names what differs.
    """
    _check_same(run.record, plan, validation_sha256)
    names = [objective.name for objective in plan.objectives]
    trials, left_out = [], 0
    for model in run.state().trials.values():
        if model.state != "done":
            continue
        values = [model.values.get(name, float("nan")) for name in names]
        broken = violations(plan.constraints, model.values)
        params = _params(model, plan)
        if params is None or not np.isfinite([*values, *broken.values()]).all():
            left_out += 1
        else:
            trials.append(KnownTrial(model.id, params, values, broken))
    if not trials:
        raise InputError(
            f"--from {run.name}: none of its {left_out} finished trials has a configuration of this search space and "
            f"all of its measures ({', '.join(names)}): there is nothing to take as known"
        )
    return Known(run.name, str(run.path.resolve()), tuple(trials), left_out)


def _check_same(record: RunRecord, plan: Plan, validation_sha256: str) -> None:
    space, dataset = plan.space, plan.dataset
    if space.sampler not in LOOKING:
        raise InputError(
            f"--from {record.name}: the sampler {space.sampler!r} does not look at earlier trials: take "
            f"{' or '.join(LOOKING)}"
        )
    if record.kind != "sweep":
        raise InputError(f"--from {record.name}: it is a {record.kind}, which searched nothing")
    there, here = (_protocol(content) for content in (_with_defaults(record.space), space.to_dict()))
    asked = {objective.measure.name for objective in plan.asked}
    known_measures = {name: own for name, own in record.measures.items() if name in asked}
    pairs: list[tuple[str, Any, Any]] = [
        ("data (fingerprint)", record.dataset["fingerprint"][:12], dataset.fingerprint[:12]),
        ("validation split", record.dataset.get("validation_sha256", validation_sha256), validation_sha256),
        ("classes", list(record.classes), list(dataset.classes)),
        # In order: `eod` is over the first attribute.
        ("groups", _listed(record.attributes), _listed(dataset.attributes)),
        ("budget.epochs", record.epochs, space.budget.epochs),
        *(
            (f"measure {name!r}", own, OwnMeasure.of(find_measure(name)))
            for name, own in known_measures.items()
        ),
        *((key, there.get(key), here.get(key)) for key in dict.fromkeys([*there, *here])),
    ]
    differ = [
        f"{name} ({shortened(str(then), _LONGEST)} there, {shortened(str(now), _LONGEST)} here)"
        for name, then, now in pairs
        if then != now
    ]
    if differ:
        raise InputError(
            f"--from {record.name}: its trials are not those of this sweep, which differs in {'; '.join(differ)}"
        )


def _with_defaults(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the space of a run with the keys that an earlier kdtune did not know yet."""
    try:
        return parse_space(dict(content), "space").to_dict()
    except InputError:
        return content


def _protocol(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a space says of how students are trained and judged, by key."""
    flat: dict[str, Any] = {}
    for section in _PROTOCOL:
        value = content.get(section)
        nested = value if isinstance(value, Mapping) else None
        flat |= {section: value} if nested is None else {f"{section}.{key}": v for key, v in nested.items()}
    return flat


def _listed(groups: Mapping[str, Iterable[str]]) -> list[tuple[str, list[str]]]:
    return [(name, list(names)) for name, names in groups.items()]


def _params(model: ModelState, plan: Plan) -> dict[str, Any] | None:
    """Return a configuration by the labels of this study; None if this space does not contain it."""
    config = dict(model.config)
    try:
        pair = plan.space.pair(str(config["pair"]))
    except (KeyError, StopIteration, InputError):
        return None
    labels = {pair.label(key): value for key, value in config.items() if not isinstance(value, dict | list)}
    asked = FixedTrial({"pair": pair.pair, **labels})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", UserWarning
            )  # what Optuna only warns of is a value outside of a range
            _, job = plan.student(cast(optuna.Trial, asked))
    except (ValueError, UserWarning, InputError, KeyError, TypeError):
        return None
    now = job.flat()
    if any(key not in _OWN and config.get(key, value) != value for key, value in now.items()):
        return None
    return {name: asked.params[name] for name in asked.distributions}


class KnowingSampler(WrappedSampler):
    """Draws as another sampler does, which sees known trials before those of the study.

    Args:
        base: the other sampler.
        seen: the study as it sees it (see `with_known`).
    """

    def __init__(self, base: BaseSampler, seen: Study) -> None:
        super().__init__(base)
        self._seen = seen

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is drawn at once."""
        return self._base.infer_relative_search_space(self._seen, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw what is drawn at once."""
        return self._base.sample_relative(self._seen, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter."""
        return self._base.sample_independent(self._seen, trial, param_name, param_distribution)


def with_known(study: Study, known: Sequence[FrozenTrial]) -> Study:
    """Return a study that shows known trials before its own, for a sampler to read."""
    return cast(Study, _WithKnown(study, list(known)))


class _WithKnown:
    """A study with known trials before its own."""

    def __init__(self, study: Study, known: list[FrozenTrial]) -> None:
        self._study = study
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials that are seen, as the study itself would return all."""
        return self._get_trials(deepcopy, states)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        known = [trial for trial in self._known if states is None or trial.state in states]
        return [*known, *self._study._get_trials(deepcopy, states, use_cache)]
