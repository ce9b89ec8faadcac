"""Real sweeps: real Ray, real Optuna, real training, real files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import kdtune
from kdtune.fairness import count, mean_class_bias
from kdtune.files import dumps
from kdtune.runs import ALL, open_run, summarise
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.blobs import blobs
from tests.sweep.chaos import wait_for
from tests.sweep.remote.test_carried_code import lay_traps


def assert_same_numbers(run: Any, other: Any) -> None:
    """Compare all results of two sweeps to the last bit; only the clock may differ."""
    tables = [r.trials().drop(columns=["seconds", "message"]) for r in (run, other)]
    pandas.testing.assert_frame_equal(*tables, check_exact=True)


def test_every_trial_ends_and_is_recorded(small_run: Any) -> None:
    trials = small_run.trials()
    assert list(trials.index) == ["t0000", "t0001", "t0002", "t0003"]
    assert set(trials["state"]) == {"done"}
    assert small_run.status().state == "finished"
    for trial in trials.index:
        assert [report.epoch for report in small_run.reports(trial)] == [1, 2]


def test_journal_agrees_with_the_run_directory(small_run: Any) -> None:
    storage = JournalStorage(JournalFileBackend(str(small_run.files.journal)))
    study = optuna.load_study(study_name=None, storage=storage)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 4
    trials = small_run.trials()
    for trial in study.trials:
        row = trials.loc[f"t{trial.number:04d}"]
        assert trial.values == [row["accuracy"], row["eod"]]
        assert trial.params["temperature"] == row["temperature"]
        assert trial.params["pair"] == row["pair"]


def test_front_is_that_of_optuna(small_run: Any) -> None:
    storage = JournalStorage(JournalFileBackend(str(small_run.files.journal)))
    study = optuna.load_study(study_name=None, storage=storage)
    assert sorted(small_run.front().index) == sorted(f"t{t.number:04d}" for t in study.best_trials)


def test_recorded_numbers_are_those_of_fairlearn(small_run: Any) -> None:
    """Rebuild predictions from the stored counts, class by class, and ask fairlearn."""
    from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference

    for trial, row in small_run.trials().iterrows():
        counts = small_run.reports(trial)[-1].counts["color"]
        eod, dpd = [], []
        for c in range(counts.n_classes):
            truth, guess, group = [], [], []
            for g in range(counts.n_groups):
                n, hits = counts.examples[g, c], counts.hits[g, c]
                false_alarms = counts.predicted[g, c] - hits
                rest = counts.examples[g].sum() - n - false_alarms
                truth += [1] * n + [0] * (false_alarms + rest)
                guess += [1] * hits + [0] * (n - hits) + [1] * false_alarms + [0] * rest
                group += [g] * (n + false_alarms + rest)
            eod.append(equalized_odds_difference(truth, guess, sensitive_features=group))
            dpd.append(demographic_parity_difference(truth, guess, sensitive_features=group))
        assert row["eod"] == pytest.approx(np.mean(eod), abs=1e-12)
        assert row["dpd"] == pytest.approx(np.mean(dpd), abs=1e-12)


def test_every_finished_model_keeps_its_answers_on_validation(small_run: Any) -> None:
    state, validation = small_run.state(), small_run.validation()
    models = [*state.trials.values(), *state.baselines.values()]
    assert len(models) == 4 + 4
    for model in models:
        counts = small_run.report(model.id).counts
        answers = small_run.predictions(model)
        assert counts[ALL] == count(validation.labels, answers, n_classes=counts[ALL].n_classes)
        groups = validation.groups["color"]
        assert counts["color"] == count(
            validation.labels,
            answers,
            groups,
            n_classes=counts["color"].n_classes,
            n_groups=counts["color"].n_groups,
        )


def test_a_student_without_a_teacher_has_a_class_bias_too(small_run: Any) -> None:
    """Against the one teacher that its pairs have: it shows what the network does to the classes by itself."""
    baselines = small_run.state().baselines
    for nds, teacher in (("nds-lenet5", "teacher-resnet8"), ("nds-mlp-16", "teacher-lenet5")):
        counts = [small_run.report(name).counts[ALL] for name in (nds, teacher)]
        assert baselines[nds].values["class_bias_teacher"] == mean_class_bias(*counts)
        assert "class_bias_teacher" not in baselines[teacher].values


def test_reports_say_where_student_and_teacher_disagree(small_run: Any) -> None:
    teacher = small_run.reports("teacher-resnet8")[-1].counts[ALL]
    for trial, row in small_run.trials().iterrows():
        report = small_run.reports(trial)[-1]
        student = report.counts[ALL]
        assert all(t != s and n > 0 for t, s, n in report.disagreement)
        if row["teacher"] != "resnet8":
            continue
        # The teacher's count of predictions per class differs from the student's by what flows in and out.
        flow = np.zeros(3, dtype=int)
        for t, s, n in report.disagreement:
            flow[t] -= n
            flow[s] += n
        assert (teacher.predicted[0] + flow == student.predicted[0]).all()


def test_summary_is_plain_json_and_agrees_with_the_tables(small_run: Any) -> None:
    summary = summarise(small_run)
    plain = json.loads(dumps(summary.to_dict()))
    assert [m["id"] for m in plain["front"]] == list(small_run.front().index)
    assert plain["group_sizes"] == {"color": {"red": 150, "green": 150}}
    for member in plain["front"]:
        doubt = member["doubts"]["eod"]
        assert doubt["low"] <= member["values"]["eod"] <= doubt["high"]


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL_SPACE))
    return path


def kdtune_cli(*arguments: str, cwd: Path, **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [Path(sys.executable).with_name("kdtune"), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def epochs_reported(events: Path) -> int:
    if not events.exists():
        return 0
    return sum('"kind":"report","id":"t0' in line for line in events.read_text().splitlines())


def test_killed_and_resumed_equals_uninterrupted(small_run: Any, space_file: Path, tmp_path: Path) -> None:
    """Kill -9 the driver in the middle of a trial; the resumed sweep finds what the uninterrupted one found.

    So the same seed gives the same trials and numbers, also in another process, and the baselines come from the cache.
    Its processes look for modules neither in the folder where it starts nor in the run.
    """
    ran = tmp_path / "ran"
    lay_traps(tmp_path, ran)
    search = kdtune_cli("search", str(space_file), "--name", "killed", cwd=tmp_path, start_new_session=True)
    files = tmp_path / "runs" / "killed"
    wait_for(lambda: epochs_reported(files / "events.jsonl") >= 3)
    driver = json.loads((files / "heartbeat.json").read_text())["pid"]
    os.kill(driver, signal.SIGKILL)
    _, err = search.communicate(timeout=PATIENCE)
    assert search.returncode == 1
    assert "--resume killed" in err
    for folder in (files, files / "trials", files / "trials" / "t0001"):
        lay_traps(folder, ran)
    resumed = kdtune_cli("search", "--resume", "killed", cwd=tmp_path)
    _, err = resumed.communicate(timeout=PATIENCE)
    assert resumed.returncode == 0, err
    run = open_run(files)
    assert_same_numbers(run, small_run)
    assert all(model.cached for model in run.state().baselines.values()), run.state().baselines
    assert not ran.exists(), ran.read_text()
    for trial in run.trials().index:
        assert [report.epoch for report in run.reports(trial)] == [1, 2]


def test_stopped_and_resumed_from_the_command_line(small_run: Any, space_file: Path, tmp_path: Path) -> None:
    """Ctrl-C stops cleanly: exit code 130, nothing lost, and --resume finishes the budget and prints the front.

    The other commands agree about the run.
    """
    search = kdtune_cli("search", str(space_file), cwd=tmp_path)
    files = tmp_path / "runs" / "small-1"
    wait_for(lambda: epochs_reported(files / "events.jsonl") >= 2)
    search.send_signal(signal.SIGINT)
    _, err = search.communicate(timeout=PATIENCE)
    assert search.returncode == 130, err
    run = open_run(files)
    assert run.status().state == "stopped"
    assert len(run.trials()) < 5
    resumed = kdtune_cli("search", "--resume", "small-1", "--json", cwd=tmp_path)
    out, err = resumed.communicate(timeout=PATIENCE)
    assert resumed.returncode == 0, err
    assert "trials 4/4 done" in err
    assert_same_numbers(open_run(files), small_run)
    status = kdtune_cli("status", "--json", cwd=tmp_path)
    text = kdtune_cli("status", cwd=tmp_path)
    listed = kdtune_cli("runs", "--json", cwd=tmp_path)
    assert json.loads(status.communicate(timeout=PATIENCE)[0])["front"] == json.loads(out)["front"]
    words = text.communicate(timeout=PATIENCE)[0]
    assert "teacher resnet8" in words
    assert "equal rates" in words
    assert [run["name"] for run in json.loads(listed.communicate(timeout=PATIENCE)[0])] == ["small-1"]


@pytest.fixture(scope="module")
def user_sweep(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> pandas.DataFrame:
    """Return the trials of a sweep over a user's own data and model, some of them at an absurd learning rate."""
    import torch

    from kdtune.data.registry import datasets
    from kdtune.models import models

    @kdtune.register_model("one-layer")
    def one_layer(input_shape: tuple[int, ...], n_classes: int) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(input_shape[0], n_classes))

    kdtune.register_dataset("blobs")(blobs)

    try:
        space = {
            "dataset": {"name": "blobs"},
            "pairs": ["mlp-16->one-layer"],
            "search": {"lr": [1e30, 0.05], "alpha": 0.5, "temperature": 2},
            "budget": {"trials": 6, "epochs": 2},
            "sampler": "random",
        }
        return kdtune.search(space, directory=tmp_path_factory.mktemp("user")).trials()
    finally:
        del models._items["one-layer"], datasets._items["blobs"]


def test_carried_code_and_data_sets_reach_the_workers(user_sweep: pandas.DataFrame) -> None:
    trained = user_sweep[user_sweep["lr"] == 0.05]
    assert set(trained["state"]) == {"done"}
    assert (trained["accuracy"] > 0.6).all()


def test_a_trial_that_diverges_fails_alone(user_sweep: pandas.DataFrame) -> None:
    huge = user_sweep["lr"] == 1e30
    assert 0 < huge.sum() < len(huge), "the seed should draw both"
    assert set(user_sweep[huge]["state"]) == {"failed"}
    assert user_sweep[huge]["message"].str.contains("loss is|not finite").all()
    assert not user_sweep[huge]["front"].any()
