"""Banks hold what kdtune itself would have trained, and policies are scored on what chose nothing."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.truth import banks, play, section
from benchmarks.truth.beliefs import as_measured, smoothed
from benchmarks.truth.deck import Deck
from benchmarks.truth.policies import Shipped, choosing
from benchmarks.truth.sets import TruthSet
from benchmarks.truth.training import NO_MODEL, SplitStudents, train_split
from benchmarks.truth.view import count_cells, influences
from kdtune.fairness import count

SPACE = {
    "dataset": {"name": "bench-digits", "n_train": 150},
    "pairs": ["cnn8->mlp-8"],
    "search": {
        "temperature": {"low": 1, "high": 40, "log": True},
        "alpha": {"low": 0.1, "high": 1.0},
        "lr": {"low": 0.01, "high": 0.1, "log": True},
    },
    "objectives": ["accuracy", "eod"],
    "constraints": {"accuracy": ">= majority + 0"},
    "budget": {"trials": 6, "epochs": 3},
    "train": {"batch_size": 64},
}


def tiny(split: int) -> dict[str, object]:
    return {**SPACE, "dataset": {**SPACE["dataset"], "seed": split}, "seed": split}  # type: ignore[dict-item]


ITEM = TruthSet("tiny digits", tiny, splits=2, configurations=6, seeds=3, validation=500, curves=True)


@pytest.fixture(scope="module")
def students() -> SplitStudents:
    return train_split(ITEM, 0, 0, range(2))


def test_students_of_a_bank_are_those_that_a_cohort_of_kdtune_trains(
    students: SplitStudents, tmp_path: Path
) -> None:
    from benchmarks.truth.training import jobs_of, seeded
    from kdtune.data import load
    from kdtune.distill.arrays import Arrays, DeviceData
    from kdtune.distill.cohorts.cohort import CohortMember
    from kdtune.distill.cohorts.open_cohort import open_cohort
    from kdtune.distill.teachers.signal import signal_of
    from kdtune.distill.training import Training
    from kdtune.space.reading import parse_space
    from kdtune.sweep.plan import make_plan

    space = parse_space(tiny(0), "tiny")
    plan = make_plan(space, load(space.dataset.name, **space.dataset.options))
    data = DeviceData(Arrays.of(plan.dataset), torch.device("cpu"), view_seed=0, augment=True)
    signal = signal_of(Training(plan.baseline_job("teacher", "cnn8"), data).run(), data)
    jobs = [seeded(job, k, 0) for k, job in enumerate(jobs_of(plan, 6)[0])]
    cohort = open_cohort(
        [CohortMember(k, job, signal, tmp_path / f"{k}.pt") for k, job in enumerate(jobs)],
        data,
        state=tmp_path / "cohort.pt",
    )
    while cohort.live:
        cohort.step()
    n = students.n_validation
    for k in range(6):
        told = cohort.reports[k][-1].counts["ink"]
        kept = count(students.labels[:n], students.predictions[:n, k, 0], students.groups[:n], n_classes=10)
        assert told == kept
    assert (students.curves[:, :, -1] == students.predictions[:, :, 0]).all()


def test_a_bank_goes_on_where_it_ended_and_reads_as_it_was_trained(
    students: SplitStudents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banks, "cache_dir", lambda: tmp_path)
    trained: list[tuple[int, int]] = []

    def few(item: TruthSet, split: int, fold: int, seeds: range) -> SplitStudents:
        trained.append((split, seeds.start))
        if len(trained) == 3:
            raise KeyboardInterrupt
        return replace(students, predictions=students.predictions[:, :, : len(seeds)])

    monkeypatch.setattr(banks, "train_split", few)
    with pytest.raises(KeyboardInterrupt):
        banks.make_banks([ITEM])
    assert trained == [(0, 0), (1, 0), (0, 2)]
    banks.make_banks([ITEM])
    assert trained[3:] == [(0, 2), (1, 2)]
    read = banks.read_split(ITEM, 0)
    assert read is not None
    assert read.predictions.shape == (*students.predictions.shape[:2], 3)
    assert (read.predictions[:, :, :2] == students.predictions).all()
    assert read.settings == students.settings


def made_up(n: int = 600, configurations: int = 40, seed: int = 0) -> SplitStudents:
    """Students that err more often, and less alike in both groups, the larger their temperature."""
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(2, size=n), rng.integers(2, size=n)
    settings = [{"temperature": float(t), "pair": "a->b"} for t in rng.uniform(1, 40, configurations)]
    heat = np.array([one["temperature"] for one in settings]) / 40
    wrong = rng.random((n, configurations, 2)) < 0.1 + 0.2 * (heat * groups[:, None])[:, :, None]
    predictions = np.where(wrong, 1 - labels[:, None, None], labels[:, None, None]).astype(np.uint8)
    return SplitStudents(
        settings, labels.astype(np.uint8), groups.astype(np.int8), 200, predictions, predictions[:, :, :0],
        predictions[:, 0, :1], ["teacher"], labels[:300].astype(np.uint8), groups[:300].astype(np.int8),
        predictions[:300],
    )  # fmt: skip


def heat(split: int) -> dict[str, object]:
    return {
        "dataset": {"name": "bench-digits"},
        "pairs": ["a->b"],
        "search": {"temperature": {"low": 1, "high": 40}},
        "constraints": {"accuracy": ">= majority + 0.0"},
        "budget": {"trials": 20},
    }


MADE_UP = TruthSet("made up", heat, splits=3, configurations=40, seeds=2, validation=200)


@pytest.fixture
def made_up_banks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "read_split", lambda item, split, fold=0: made_up(seed=split))


@pytest.mark.usefixtures("made_up_banks")
def test_test_and_validation_share_no_example_and_test_chooses_nothing() -> None:
    for table in play.tables(MADE_UP, 0, 3):
        deck, students = table.deck, made_up(seed=0)
        rest = np.setdiff1d(np.arange(600), deck.rows)
        students.predictions[rest] = 1 - students.predictions[rest]
        for believe in (as_measured, smoothed("part", "fitted"), smoothed("value", "counts")):
            policy = choosing(believe)
            before = policy(deck, np.random.default_rng(0))
            after = policy(replace(deck, students=students), np.random.default_rng(0))
            assert before.students == after.students


@pytest.mark.usefixtures("made_up_banks")
def test_the_oracle_is_the_upper_bound_and_a_rule_differs_from_itself_by_nothing() -> None:
    found = play.play(
        MADE_UP, {play.BASELINE: choosing(as_measured), "again": choosing(as_measured)}, cuts=2, draws=2
    )
    assert len(found[play.BASELINE]["utility"]) == 3
    assert all(value == 0 for values in found["again"].values() for value in values)
    assert all(value >= 0 for value in found["oracle"]["hypervolume"])
    assert "± " in section.report(
        [{"data": "made up", "gap": "eod", "splits": 3, "configurations": 40, "seeds": 2, "scores": found}]
    )


def test_scores_are_those_of_a_front_worked_out_by_hand() -> None:
    test = np.array([[[0.9, 0.3]], [[0.8, 0.1]]])
    deck = Deck(*[None] * len(fields(Deck)))  # type: ignore[arg-type]
    shipped = Shipped([(0, 0), (1, 0)], np.array([[0.9, 0.3], [0.8, 0.0]]))
    found = play.score(shipped, play.Table(deck, test, None))
    # Weights 1/4 (0.825 against 0.8) take the first, the others the second.
    utility = (0.9 - 0.25 * 0.3 + 0.8 - 0.5 * 0.1 + 0.8 - 0.1 + 0.8 - 0.2) / 4
    assert found == pytest.approx([0.9 * 0.7 + 0.8 * 0.2, 0.9 * 0.7 + 0.8 * 0.2, utility, 2])


def test_values_of_many_students_are_those_of_their_counts() -> None:
    rng = np.random.default_rng(1)
    students = made_up()
    three = replace(
        students,
        labels=rng.integers(3, size=600).astype(np.uint8),
        groups=rng.integers(-1, 2, size=600).astype(np.int8),
        predictions=rng.integers(3, size=(600, 4, 2)).astype(np.uint8),
    )
    for item in (students, three):
        cells = count_cells(item, np.arange(500))
        for student in ((0, 0), (3, 1)):
            counts = cells.counts(student)
            right = item.predictions[:500, student[0], student[1]] == item.labels[:500]
            assert cells.values("eod")[student] == pytest.approx([right.mean(), counts.eod])
            assert cells.values("dpd")[student] == pytest.approx([right.mean(), counts.dpd])


@pytest.mark.parametrize("gap", ["eod", "dpd"])
def test_influences_give_the_spread_of_values_over_samples(gap: str) -> None:
    students, rng = made_up(n=2000), np.random.default_rng(0)
    hottest = int(np.argmax([one["temperature"] for one in students.settings]))
    # A gap near 0 is folded there, and no longer linear in the examples.
    students.predictions[(students.groups == 1) & (rng.random(2000) < 0.3)] = 1
    moves = influences(students, np.arange(2000), [(hottest, 0)], gap)[0]
    again = [
        count_cells(students, rng.integers(2000, size=2000), students.predictions[:, [hottest], :1]).values(
            gap
        )[0, 0]
        for _ in range(200)
    ]
    assert np.sqrt((moves**2).sum(axis=0)) == pytest.approx(np.std(again, axis=0), rel=0.25)


def test_a_student_without_a_model_is_no_candidate() -> None:
    students = made_up()
    students.predictions[:, 3, 1] = NO_MODEL
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(play, "read_split", lambda item, split, fold=0: students)
        [table] = play.tables(MADE_UP, 0, 1)
    assert table.deck.shape == (39, 2)
