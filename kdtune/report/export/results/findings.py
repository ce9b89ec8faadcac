"""What an export found: each model on validation and test, the front on test, and how optimistic the search was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kdtune.report.export.labels import bound
from kdtune.report.export.results.comparisons import Comparisons
from kdtune.report.export.results.model import ModelFindings
from kdtune.report.export.results.recommendation import Recommendation, recommend
from kdtune.runs.comparison.resolution import Versus
from kdtune.runs.measures.objectives import Objective, front_hypervolume, front_mask
from kdtune.runs.records import RunRecord

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Findings:
    """What an export found; `members` in the order of the front, the best in the first objective first.

    Attributes:
        optimistic: bool [members], not dominated on test by another member.
        pessimistic: bool [members], dominating no other member on test.
        hypervolume: of the front as searched, on validation and on test (optimistic and pessimistic).
        optimism: objective -> by how much members are worse on test than in the search, mean over members.
        comparisons: of each member with its baselines, on test.
        recommendation: which member to ship.
        confusion: see `kdtune.report.export.results.answers.confusion_table`.
        points: what stands beside members and baselines, though no sweep ships it (see `reference_points`).
        notes: what a reader must know besides the numbers.
        trials: all trials of the run, one per row.
        others: models that further seeds gave and that are not shown, and members that these dominate.
        seeds: number of further seeds with which models were trained.
    """

    record: RunRecord
    objectives: tuple[Objective, ...]
    members: tuple[ModelFindings, ...]
    baselines: tuple[ModelFindings, ...]
    trials: "pandas.DataFrame"
    optimistic: np.ndarray
    pessimistic: np.ndarray
    hypervolume: Mapping[str, float]
    optimism: Mapping[str, float]
    comparisons: Comparisons
    recommendation: Recommendation
    confusion: "pandas.DataFrame"
    others: tuple[ModelFindings, ...] = ()
    seeds: int = 0
    points: tuple[ModelFindings, ...] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def models(self) -> tuple[ModelFindings, ...]:
        """Members and baselines."""
        return (*self.members, *self.baselines)

    @property
    def versus(self) -> tuple[Versus, ...]:
        """Each member compared with each of its baselines."""
        return self.comparisons.with_baselines

    def against(self, role: str, member: str) -> Versus | None:
        """Return the comparison of a member with its `nds` or its `teacher`."""
        return self.comparisons.resolution.versus(member, role)

    @property
    def exported(self) -> tuple[str, ...]:
        """Ids of the members that have a folder."""
        return tuple(member.id for member in self.members if member.exported)

    @property
    def exported_beside(self) -> tuple[str, ...]:
        """Ids of the baselines that have a folder."""
        return tuple(model.id for model in self.baselines if model.exported)

    @property
    def first_exported(self) -> str:
        """The exported member that is shown first: the one in focus, if it has a folder."""
        return self.focus.id if self.focus.id in self.exported else self.exported[0]

    @property
    def to_load(self) -> str:
        """The model that the lines show which load one: the advised one, if it has a folder."""
        return self.advised.id if self.advised.exported else self.first_exported

    @property
    def most_accurate(self) -> ModelFindings:
        """The member that is most accurate on test."""
        return max(self.members, key=lambda m: m.value("accuracy"))

    @property
    def focus(self) -> ModelFindings:
        """The member of which the report says most: the recommended one, or the most accurate usable one on test.

        If none is recommended, one that has a folder comes before others: so the network that is advised instead of it
        is one that was written too.
        """
        usable = [m for m in self.members if m.id not in self.recommendation.unusable] or self.members
        named = [m for m in self.members if m.id == self.recommendation.student]
        written = [m for m in usable if m.exported]
        return max(named or written or usable, key=lambda m: m.value("accuracy"))

    @property
    def advised(self) -> ModelFindings:
        """The model that the report advises: the member in focus, or its NDS if no student is better than that."""
        nds = self.nds_of(self.focus) if self.recommendation.kind == "none" and self.judged else None
        return self.focus if nds is None else nds

    @property
    def in_focus(self) -> tuple[ModelFindings, ...]:
        """The advised model first, then the others of these: the member in focus, its NDS, and its teacher."""
        models = (self.advised, self.focus, self.nds_of(self.focus), self.teacher_of(self.focus))
        return tuple(dict.fromkeys(model for model in models if model is not None))

    @property
    def judged(self) -> tuple[Objective, ...]:
        """The objectives in which any member could be tested against its NDS."""
        against = [v for v in self.versus if v.role == "nds"]
        tested = {d.objective for v in against for d in v.differences if d.tested}
        return tuple(o for o in self.objectives if o.name in tested)

    @property
    def done(self) -> int:
        """Number of students that the search trained to the end, among which it chose."""
        return int((self.trials["state"] == "done").sum())

    @property
    def n(self) -> dict[str, int]:
        """Number of examples by split."""
        return {name: int(split["n"]) for name, split in self.models[0].splits.items()}

    def teacher_of(self, member: ModelFindings) -> ModelFindings | None:
        """Return the teacher of a member."""
        return self._baseline("teacher", str(member.config.get("teacher")))

    def nds_of(self, member: ModelFindings) -> ModelFindings | None:
        """Return the same architecture trained without a teacher."""
        return self._baseline("nds", member.architecture)

    def dominating(self, member: ModelFindings) -> tuple[ModelFindings, ...]:
        """Return the members and baselines that dominate a member on test, in the order in which they are shown."""
        names = [objective.name for objective in self.objectives]
        own = [member.value(name) for name in names]
        if np.isnan(own).any():
            return ()
        return tuple(
            other
            for other in self.models
            if not front_mask(np.array([own, [other.value(name) for name in names]]), self.objectives)[0]
        )

    def _baseline(self, role: str, architecture: str) -> ModelFindings | None:
        found = (
            model for model in self.baselines if model.role == role and model.architecture == architecture
        )
        return next(found, None)


def conclude(
    record: RunRecord,
    objectives: Sequence[Objective],
    models: Sequence[ModelFindings],
    trials: "pandas.DataFrame",
    *,
    comparisons: Comparisons,
    confusion: "pandas.DataFrame",
    others: Sequence[ModelFindings] = (),
    points: Sequence[ModelFindings] = (),
    seeds: int,
    notes: Sequence[str],
) -> Findings:
    """Put the models' numbers side by side.

    Args:
        models: members in the order of the front, and baselines.
        others: models that further seeds gave and that are not on the front.
        points: reference points beside the models.
    """
    members = tuple(model for model in models if model.role == "student")
    names = [objective.name for objective in objectives]
    searched = np.array([[m.searched.get(name, np.nan) for name in names] for m in members], dtype=float)
    validation, test = (
        np.array([[m.value(name, split) for name in names] for m in members], dtype=float)
        for split in ("validation", "test")
    )
    optimistic, pessimistic = fronts_on_test(test, objectives)
    signs = np.array([1.0 if o.measure.direction == "min" else -1.0 for o in objectives])
    return Findings(
        record=record,
        objectives=tuple(objectives),
        members=members,
        baselines=tuple(model for model in models if model.role != "student"),
        trials=trials,
        optimistic=optimistic,
        pessimistic=pessimistic,
        hypervolume={
            "searched": front_hypervolume(searched, objectives),
            "validation": front_hypervolume(validation, objectives),
            "test_optimistic": front_hypervolume(test[optimistic], objectives),
            "test_pessimistic": front_hypervolume(test[pessimistic], objectives),
        },
        optimism=dict(zip(names, _mean((test - searched) * signs).tolist(), strict=True)),
        comparisons=comparisons,
        recommendation=recommend(
            members, comparisons.with_baselines, objectives, record.constraints, partial(bound, record)
        ),
        confusion=confusion,
        others=tuple(others),
        points=tuple(points),
        seeds=seeds,
        notes=tuple(notes),
    )


def fronts_on_test(values: np.ndarray, objectives: Sequence[Objective]) -> tuple[np.ndarray, np.ndarray]:
    """Return which members of the validation front form its optimistic and its pessimistic front on test.

    Members that do not dominate each other on validation may do so on test. If you choose a member without having
    seen test, you get at best one that no other dominates there (the optimistic front), and at worst one that
    dominates no other (the pessimistic front). Expect something in between (Feurer et al. 2023, arXiv 2212.04183).

    Args:
        values: on test, [members, objectives]; a member with NaN is in neither.
    """
    defined = ~np.isnan(values).any(axis=1)
    optimistic = front_mask(values, objectives, defined)
    pessimistic = front_mask(
        -values, objectives, defined
    )  # dominated by none once better and worse are swapped
    return optimistic, pessimistic


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the rows without NaN, by column; NaN if there are none."""
    known = ~np.isnan(values)
    columns = zip(values.T, known.T, strict=True)
    return np.array([column[here].mean() if here.any() else np.nan for column, here in columns])
