import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import safetensors.torch
import torch
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from scipy.stats import binomtest

import kdtune
from kdtune.cli import main
from kdtune.errors import InputError, RunError
from kdtune.report.evaluate.evaluation import load_data, open_test
from kdtune.report.export import run as exporting
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run, open_run


def test_every_member_has_a_folder_and_the_tables_name_it(exported: tuple[Path, Any], small_run: Run) -> None:
    out, _ = exported
    front = set(small_run.front().index)
    baselines = {f"nds-{json.loads(small_run.files.config(name).read_text())['student']}" for name in front}
    assert {path.parent.name for path in out.glob("*/config.json")} == front | baselines
    table = pandas.read_csv(out / "front.csv")
    assert set(table[table["role"] == "student"]["id"]) == front
    assert set(table["role"]) == {"student", "teacher", "nds"}
    numbers = table.select_dtypes("number")
    assert len(numbers.columns) > 30
    whole = pandas.read_parquet(out / "front.parquet")
    pandas.testing.assert_frame_equal(numbers, whole[numbers.columns], check_dtype=False)
    record = json.loads((out / "front.json").read_text())
    for member in record["members"]:
        row = table.set_index("id").loc[member["id"]]
        assert row["accuracy_test"] == member["test"]["values"]["accuracy"]
    for name in ("front", "settings", "class-bias", "groups-color"):
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (out / "figures" / f"{name}.svg").read_text()
    assert oct(out.stat().st_mode)[-3:] == "755"


def test_the_same_network_without_a_teacher_can_be_loaded_too(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    for baseline in (model for model in findings.baselines if model.role == "nds"):
        student = kdtune.load_student(out / baseline.id)
        assert (student.config["role"], student.config["teacher"], student.config["distillation"]) == (
            "nds",
            None,
            None,
        )
        assert student.metrics["test"]["values"]["accuracy"] == baseline.value("accuracy")
        card = (out / baseline.id / "README.md").read_text()
        assert "trained without a teacher" in card
        assert "Loss: cross-entropy." in card


FRESH = """
import json, sys
import kdtune
student = kdtune.load_student(sys.argv[1])
import torch
torch.set_num_threads(1)
from kdtune.report.evaluate.evaluation import load_data, open_test, validation_of
from kdtune.runs.reader import open_run
forbidden = [name for name in ("ray", "optuna", "textual", "matplotlib") if name in sys.modules]
data = load_data(open_run(sys.argv[2]))
counts = {}
from kdtune.distill.evaluation.counts import count_all
for split in (validation_of(data), open_test(data)):
    predictions = student.logits(split.inputs).argmax(dim=1).numpy()
    counts[split.name] = {key: item.to_dict() for key, item in count_all(split.arrays, predictions).items()}
print(json.dumps({"forbidden": forbidden, "counts": counts}))
"""


def test_a_fresh_process_loads_a_student_and_gets_the_same_counts(
    exported: tuple[Path, Any], small_run: Run
) -> None:
    out, findings = exported
    folder = out / findings.members[0].id
    said = subprocess.run(
        [sys.executable, "-c", FRESH, str(folder), str(small_run.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    fresh = json.loads(said.stdout)
    assert fresh["forbidden"] == []
    metrics = json.loads((folder / "metrics.json").read_text())
    for split in ("validation", "test"):
        assert fresh["counts"][split] == metrics[split]["counts"]


def test_validation_repeats_what_the_search_recorded(exported: tuple[Path, Any], small_run: Run) -> None:
    """The small run trains in float32, so that nothing may differ."""
    _, findings = exported
    for model in findings.models:
        recorded = small_run.reports(model.id)[-1].counts
        assert model.splits["validation"]["counts"] == {
            name: counts.to_dict() for name, counts in recorded.items()
        }
        for name, value in model.splits["validation"]["values"].items():
            assert value == pytest.approx(model.searched[name], abs=0, nan_ok=True)


def test_numbers_agree_with_fairlearn_and_scipy(exported: tuple[Path, Any], small_run: Run) -> None:
    out, findings = exported
    test = open_test(load_data(small_run))
    colors = test.arrays.validation_groups["color"]
    classes = small_run.record.classes
    table = pandas.read_csv(out / "by_group.csv")
    for member in findings.members:
        student = kdtune.load_student(out / member.id)
        names = student.predict(test.inputs)
        guess = np.array([classes.index(name) for name in names])
        numbers = student.metrics["test"]
        right = guess == test.labels
        assert numbers["values"]["accuracy"] == pytest.approx(right.mean(), abs=1e-15)
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
        assert numbers["accuracy"]["interval"] == pytest.approx([interval.low, interval.high], abs=1e-12)
        eods, dpds = [], []
        for c in range(len(classes)):
            one = {"y_true": test.labels == c, "y_pred": guess == c, "sensitive_features": colors}
            eods.append(equalized_odds_difference(**one))
            dpds.append(demographic_parity_difference(**one))
        assert numbers["values"]["eod"] == pytest.approx(np.mean(eods), abs=1e-12)
        assert numbers["values"]["dpd"] == pytest.approx(np.mean(dpds), abs=1e-12)
        assert numbers["values"]["eod_worst_class"] == pytest.approx(max(eods), abs=1e-12)
        for g, group in enumerate(numbers["attributes"]["color"]["groups"]):
            mine = colors == g
            assert group["n"] == mine.sum()
            assert group["accuracy"]["value"] == pytest.approx(right[mine].mean(), abs=1e-15)
            row = table[(table["id"] == member.id) & (table["group"] == group["group"])].iloc[0]
            for c, rates in enumerate(group["by_class"]):
                positives = mine & (test.labels == c)
                ci = binomtest(int((guess[positives] == c).sum()), int(positives.sum())).proportion_ci(
                    method="wilson"
                )
                assert rates["tpr"]["interval"] == pytest.approx([ci.low, ci.high], abs=1e-12)
                assert row[f"TPR {classes[c]}"] == pytest.approx(rates["tpr"]["value"], abs=1e-12)
                assert row[f"FPR {classes[c]}"] == pytest.approx(rates["fpr"]["value"], abs=1e-12)


def test_the_test_split_is_opened_in_one_place_only() -> None:
    package = Path(kdtune.__file__).parent
    callers = [p.name for p in package.rglob("*.py") if ".open_test(" in p.read_text(encoding="utf-8")]
    assert callers == ["evaluation.py"]


def test_nothing_is_overwritten(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path))
    with pytest.raises(InputError, match="is a file"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path / "kept.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_folder_that_can_t_be_made_is_refused_before_anything_is_evaluated(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*_: Any) -> Any:
        raise AssertionError("data were loaded")

    monkeypatch.setattr(exporting, "load_data", load)
    monkeypatch.setattr(exporting, "hold_front", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    ends = {
        "file": "is a file: name a folder",
        "file/out": "can't be written",
        "/proc/out": "can't be written",
        "n" * 300: "File name too long",
        "link": "is a link: name the folder",
        "nowhere": "is a link: name the folder",
        "empty/..": "is not empty",
    }
    for out, said in ends.items():
        assert main(["export", str(small_run.path), "--out", out]) == 2
        assert said in capsys.readouterr().err
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["export", str(small_run.path), "--out", "."]) == 2
    assert "--out export" in capsys.readouterr().err
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "empty")
    assert main(["export", str(small_run.path), "--out", str(tmp_path / "empty")]) == 2
    assert f"--out {tmp_path / 'empty' / 'export'}" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "link", "nowhere"]


def test_what_fails_half_way_leaves_nothing(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise RuntimeError("half way")

    monkeypatch.setattr(exporting, "page", fail)
    with pytest.raises(RuntimeError, match="half way"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path / "deep" / "out"))
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_bundle_that_reads_back_otherwise_is_not_exported(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kdtune.report.export.bundle import writing

    real = writing.load_student

    def tampered(path: Path) -> Any:
        student = real(path)
        with torch.no_grad():
            next(student.module.parameters())[0] += 1e-3
        return student

    monkeypatch.setattr(writing, "load_student", tampered)
    with pytest.raises(writing.ExportError, match="logits differ"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_member_that_leaves_the_front_while_it_is_read_costs_the_export_nothing(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep goes on: a better student is done, and the weights of the one before it are deleted."""
    from kdtune.report.export.results import members

    first = run_copy.front().index[0]
    real = members.load_trained

    def while_the_sweep_goes_on(run: Run, model_id: str) -> Any:
        files = run.files
        if not files.model("t9999").exists():
            shutil.copytree(files.model(first), files.model("t9999"))
            names = zip(run.record.objectives, run.objectives, strict=True)
            best = {name: float(objective.measure.direction == "max") for name, objective in names}
            trial = {"kind": "trial", "id": "t9999", "model": "student", "config": {"pair": "x"}, "epochs": 2}
            report = {"kind": "report", "id": "t9999", "epoch": 2, "seconds": 1.0, "values": best}
            events = [{**trial, "state": "running"}, report, {**trial, "state": "done"}]
            with open(files.events, "a") as file:
                file.writelines(json.dumps({"t": 9e9, **event}) + "\n" for event in events)
            files.checkpoint(first).unlink()
        return real(run, model_id)

    monkeypatch.setattr(members, "load_trained", while_the_sweep_goes_on)
    held = members.hold_front(run_copy, lambda front: [trial.id for trial in front], required=False)
    assert [trained.job for trained, _ in held.members] == [real(run_copy, "t9999").job]
    assert held.picked == ["t9999"]
    assert held.notes == []
    assert list(run_copy.trials(held.state).index[run_copy.trials(held.state)["front"]]) == ["t9999"]


def test_weights_that_are_deleted_after_they_were_read_are_exported(
    run_copy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data take a while to load; meanwhile a search may delete what left its front."""
    real = exporting.load_data

    def meanwhile(run: Run) -> Any:
        for name in run.front().index:
            run.files.checkpoint(name).unlink()
        return real(run)

    monkeypatch.setattr(exporting, "load_data", meanwhile)
    out, findings = run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    for member in findings.members:
        assert kdtune.load_student(out / member.id).config["id"] == member.id


class Malicious:
    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.flag}",))


def test_a_malicious_checkpoint_is_refused_and_not_run(run_copy: Run, tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    first = run_copy.front().index[0]
    good = torch.load(run_copy.files.checkpoint(first), weights_only=True)
    torch.save({**good, "model": Malicious(flag)}, run_copy.files.checkpoint(first))
    with pytest.raises(RunError, match=first):
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    run_copy.files.checkpoint(first).write_bytes(pickle.dumps(Malicious(flag)))
    with pytest.raises(RunError, match=first):
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    assert not flag.exists()
    assert not (tmp_path / "out").exists()


def damage_missing(run: Run, trial: str) -> None:
    run.files.checkpoint(trial).unlink()


def damage_truncated(run: Run, trial: str) -> None:
    path = run.files.checkpoint(trial)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_another(run: Run, trial: str) -> None:
    content = torch.load(run.files.checkpoint(trial), weights_only=True)
    content["job"]["seed"] += 1
    torch.save(content, run.files.checkpoint(trial))


def damage_weights(run: Run, trial: str) -> None:
    content = torch.load(run.files.checkpoint(trial), weights_only=True)
    content["model"] = {name: -tensor for name, tensor in content["model"].items()}
    torch.save(content, run.files.checkpoint(trial))


def damage_baseline(run: Run, trial: str) -> None:
    path = next(run.path.glob("baselines/teacher-*/model.safetensors"))
    path.write_bytes(path.read_bytes()[:100])


def forget_digests(run: Run) -> None:
    """Leave what an older kdtune recorded."""
    run.files.events.write_text(re.sub(r',"weights":"\w+"', "", run.files.events.read_text()))


def nudge_student(run: Run, trial: str) -> None:
    content = torch.load(run.files.checkpoint(trial), weights_only=True)
    next(iter(content["model"].values())).view(-1)[0] += 0.05
    torch.save(content, run.files.checkpoint(trial))


def nudge_teacher(run: Run, trial: str) -> None:
    path = run.files.weights(f"teacher-{run.trials()['teacher'][trial]}")
    state = safetensors.torch.load_file(path)
    next(iter(state.values())).view(-1)[0] += 0.05
    safetensors.torch.save_file(state, path)


@pytest.mark.parametrize("nudge", [nudge_student, nudge_teacher])
def test_one_weight_that_changed_a_little_is_noticed(run_copy: Run, tmp_path: Path, nudge: Any) -> None:
    """It would answer nearly as before, and teach replicates, under a hash that nobody recorded."""
    nudge(run_copy, run_copy.front().index[0])
    with pytest.raises(RunError, match=rf"not bit by bit .* kdtune search --resume {run_copy.path}"):
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_missing, "missing"),
        (damage_truncated, "not readable"),
        (damage_another, "not the checkpoint"),
        (damage_weights, "not the weights"),
        (damage_baseline, "damaged"),
    ],
)
def test_damaged_models_are_refused_in_one_line(
    run_copy: Run, tmp_path: Path, damage: Any, said: str
) -> None:
    forget_digests(run_copy)
    damage(run_copy, run_copy.front().index[0])
    with pytest.raises(RunError, match=said) as caught:
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def edit_record(run: Run, **changes: Any) -> Run:
    record = json.loads(run.files.record.read_text())
    run.files.record.write_text(json.dumps({**record, **changes}))
    return open_run(run.path)


def test_a_damaged_member_can_be_left_out_by_a_pick(run_copy: Run, tmp_path: Path) -> None:
    kept = run_copy.front().index[0]
    # With more objectives more trials are on the front; of those the search kept no weights.
    run_copy = edit_record(run_copy, objectives=["accuracy", "eod", "dpd", "class_gap"])
    without = [trial for trial in run_copy.front().index if not run_copy.files.checkpoint(trial).exists()]
    assert without
    out, findings = run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out", pick=[kept]))
    beside = "nds-" + json.loads(run_copy.files.config(kept).read_text())["student"]
    assert {path.parent.name for path in out.glob("*/config.json")} == {kept, beside}
    assert any(without[0] in note for note in findings.notes)


def test_no_feasible_trial_says_what_is_in_the_way(run_copy: Run, tmp_path: Path) -> None:
    run = edit_record(run_copy, constraints=[{"name": "accuracy", "direction": ">=", "bound": 2.0}])
    with pytest.raises(RunError, match=r"4 break accuracy >= 2 \(the nearest has 0\.\d+\)"):
        run_export(ExportRequest(run=run.path, out=tmp_path / "out"))


def test_where_only_triviality_is_in_the_way_the_remedy_is_another(run_copy: Run, tmp_path: Path) -> None:
    space = {**run_copy.record.space, "trivial": "exclude", "constraints": {}}
    bound = [{"name": "over_majority", "direction": ">=", "bound": 1000.0}]
    run = edit_record(run_copy, constraints=bound, space=space)
    with pytest.raises(RunError, match=r"4 break over_majority >= 1000 .*'trivial: keep' in a new search"):
        run_export(ExportRequest(run=run.path, out=tmp_path / "out"))


def test_data_that_changed_are_refused(run_copy: Run, tmp_path: Path) -> None:
    dataset = {**json.loads(run_copy.files.record.read_text())["dataset"], "fingerprint": "0" * 64}
    run = edit_record(run_copy, dataset=dataset)
    with pytest.raises(RunError, match="data have changed"):
        run_export(ExportRequest(run=run.path, out=tmp_path / "out"))


def test_list_opens_nothing_and_writes_nothing(small_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(small_run.path.rglob("*"))
    assert main(["export", str(small_run.path), "--list", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [m["id"] for m in json.loads(out)["front"]] == list(small_run.front().index)
    assert "knee" in err
    assert sorted(small_run.path.rglob("*")) == before


def test_bad_picks_cost_exit_code_2_before_any_work(
    small_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(small_run.path), "--pick", "best"]) == 2
    assert "knee" in capsys.readouterr().err
    assert not small_run.files.export.exists()


def test_a_run_is_called_as_its_folder_is_now(run_copy: Run) -> None:
    renamed = run_copy.path.rename(run_copy.path.with_name("renamed"))
    run = open_run(renamed)
    assert json.loads(run.files.record.read_text())["name"] == "small"
    assert {run.name, run.record.name, run.status().name} == {"renamed"}
