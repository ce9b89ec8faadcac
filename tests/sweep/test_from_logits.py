"""Teachers that are known by their logits in a file: matched with the data by id, refused where they do not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import kdtune
from kdtune.data import Dataset, load
from kdtune.distill.config import Job
from kdtune.errors import InputError, SpaceError
from kdtune.report.evaluate.trained import load_trained
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs import ALL
from kdtune.space.questions import check_question
from kdtune.space.reading import parse_space
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.sweep.dry_run import dry_run
from kdtune.sweep.from_logits import matched
from kdtune.sweep.plan import Plan, check_names, make_plan
from kdtune.sweep.preparation import check_files

N = 400


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A table that a linear model can mostly tell; the columns of `truth` are its classes in the file's order."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3))
    sex = rng.choice(["f", "m"], N)
    score = x[:, 0] + 0.5 * (sex == "m") + 0.3 * rng.normal(size=N)
    frame = pd.DataFrame(
        {**{f"x{k}": x[:, k] for k in range(3)}, "sex": sex, "paid": np.where(score > 0, "yes", "no")}
    )
    frame.to_csv(tmp_path / "people.csv", index=False)
    logits = np.stack([-2 * x[:, 0], 2 * x[:, 0]], axis=1).astype(np.float32)
    np.save(tmp_path / "logits.npy", logits)
    np.savetxt(tmp_path / "order.txt", np.arange(N), fmt="%d")
    return tmp_path


def space_of(folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "dataset": {"name": "table", "path": str(folder / "people.csv"), "label": "paid", "sensitive": "sex"},
        "pairs": ["big->linear"],
        "teacher": {"logits": str(folder / "logits.npy"), "order": str(folder / "order.txt")},
        "budget": {"trials": 2, "epochs": 2},
        "trivial": "keep",
        **changes,
    }


def plan_of(folder: Path, **changes: Any) -> Plan:
    space = parse_space(space_of(folder, **changes), "space")
    check_question(space)
    check_names(space)
    plan = make_plan(space, load(space.dataset.name, **space.dataset.options))
    check_files(plan, lambda _: None)
    return plan


def refusal(folder: Path, **changes: Any) -> str:
    with pytest.raises(InputError) as refused:
        plan_of(folder, **changes)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_rows_are_found_by_id_whatever_their_order(people: Path) -> None:
    plan = plan_of(people)
    file = plan.logits("big")
    assert file is not None
    logits = np.load(people / "logits.npy")
    for shuffle in (False, True):
        if shuffle:
            order = np.random.default_rng(1).permutation(N)
            np.save(people / "logits.npy", logits[order].astype(np.float16))
            np.savetxt(people / "order.txt", order, fmt="%d")
        plan = plan_of(people)
        file = plan.logits("big")
        assert file is not None
        known = matched(file, plan.dataset)
        for split, found in ((plan.dataset.train, known.train), (plan.dataset.validation, known.validation)):
            assert split.ids is not None
            torch.testing.assert_close(
                found, torch.from_numpy(logits[[int(name) for name in split.ids]]), rtol=1e-3, atol=1e-3
            )
        test = plan.dataset.open_test()
        assert set(known.other_ids) == set(test.ids or ())
        assert known.of_others(test.ids) is not None
        assert known.of_others(("17", "no such")) is None
        assert known.of_others(None) is None


def test_ids_may_be_numbers_of_numpy_and_paths_as_a_shell_writes_them(
    people: Path, make_dataset: Any
) -> None:
    np.save(people / "order.npy", np.arange(N))
    plan_of(people, teacher={"logits": str(people / "logits.npy"), "order": str(people / "order.npy")})
    data: Dataset = make_dataset()
    names = [f"cat/{k}.png" for k in range(128)]
    from dataclasses import replace

    train = replace(data.train, ids=tuple(names[:64]))
    validation = replace(data.validation, ids=tuple(names[64:]))
    np.save(people / "images.npy", np.random.default_rng(0).normal(size=(128, 2)))
    (people / "files.txt").write_text(
        "\ufeff" + "\n".join(f".\\{name}".replace("/", "\\") for name in names[::-1]) + "\n"
    )
    from kdtune.distill.teachers.logits_file import LogitsFile

    file = LogitsFile.of(people / "images.npy", people / "files.txt")
    known = matched(file, replace(data, train=train, validation=validation))
    assert torch.allclose(known.train[0].double(), torch.from_numpy(np.load(people / "images.npy")[-1]))


def test_classes_say_what_the_columns_mean(people: Path) -> None:
    given = {"logits": str(people / "logits.npy"), "order": str(people / "order.txt")}
    plan = plan_of(people, teacher={**given, "classes": ["yes", "no"], "check": False})
    file = plan.logits("big")
    assert file is not None
    assert file.columns == (1, 0)
    straight = plan_of(people).logits("big")
    assert straight is not None
    assert torch.equal(matched(file, plan.dataset).train, matched(straight, plan.dataset).train.flip(1))
    told = refusal(people, teacher={**given, "classes": ["yes", "no"]})
    assert "are its columns, or its rows, in another order?" in told


def spoil(folder: Path, what: str) -> None:
    logits = np.load(folder / "logits.npy")
    lines = (folder / "order.txt").read_text().split()
    match what:
        case "nan":
            logits[7, 1] = np.nan
        case "columns":
            logits = np.concatenate([logits, logits[:, :1]], axis=1)
        case "shape":
            logits = logits[:, 0]
        case "whole" | "sigmoids":
            logits = logits.astype(int) if what == "whole" else [1.0, 0.5] / (1 + np.exp(-logits))
        case "short":
            logits = logits[:-3]
        case "probabilities" | "percentages" | "rounded probabilities" | "rounded percentages":
            shares = torch.from_numpy(logits).softmax(dim=1).numpy()
            shares = np.floor(100 * shares) / 100 if what.startswith("rounded") else shares
            logits = (100 if what.endswith("percentages") else 1) * shares
        case "twice":
            lines[9] = lines[3]
        case "strangers":
            lines = [f"person-{line}" for line in lines]
        case "empty":
            logits, lines = logits[:0], []
        case "pickle":
            np.save(folder / "logits.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
            return
        case "text":
            (folder / "logits.npy").write_text("1,2\n3,4\n")
            return
        case "rows":
            lines = lines[100:] + lines[:100]
    np.save(folder / "logits.npy", logits)
    (folder / "order.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nan", "1 of 400 rows hold NaN or infinity; the first is row 8, '7'"),
        ("columns", "has 3 columns, and the data have 2 classes"),
        ("shape", "float32 [400], not logits"),
        ("percentages", "holds probabilities, not logits"),
        ("whole", "int64 [400, 2], not logits"),
        ("short", "has 397 rows, and "),
        ("sigmoids", "holds numbers between 0 and 1 alone, not logits: if a sigmoid returned them"),
        ("probabilities", "holds probabilities, not logits: save their logarithms"),
        (
            "rounded probabilities",
            "holds probabilities, not logits: save their logarithms, np.log(np.maximum(p, 1e-6))",
        ),
        ("rounded percentages", "holds probabilities, not logits"),
        ("twice", "line 10: '3' is there twice (first in line 4)"),
        ("strangers", "train examples have no line; the first is example 1, '"),
        ("empty", "is empty"),
        ("pickle", "can't be read as .npy"),
        ("text", "can't be read as .npy"),
        ("rows", "are its columns, or its rows, in another order?"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_trained(what: str, told: str, people: Path) -> None:
    spoil(people, what)
    assert told in refusal(people)


def test_logits_are_no_probabilities_because_they_were_rounded(people: Path) -> None:
    logits = np.load(people / "logits.npy")
    np.save(people / "logits.npy", (logits - logits.min(axis=1, keepdims=True)).round(1))
    assert plan_of(people).logits("big") is not None


def test_one_that_says_the_more_frequent_answer_to_everybody_is_refused(people: Path) -> None:
    np.save(people / "logits.npy", np.tile([-0.5, 0.5], (N, 1)))
    assert "Saying the most frequent class alone gives" in refusal(people)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"teacher": {"logits": "logits.npy"}}, "logits and order go together"),
        ({"teacher": {"logits": {"bigg": "a.npy"}, "order": "b"}}, "did you mean 'big'"),
        (
            {"teacher": {"logits": "a.npy", "order": "b", "pretrained": True}},
            "which teacher each file is for",
        ),
        (
            {"teacher": {"logits": {"big": "a.npy"}, "order": "b", "weights": {"big": "c"}}},
            "has logits, and weights too",
        ),
        ({"teacher": {"logits": {"big": "a"}, "order": {"other": "b"}}}, "are of different teachers"),
        (
            {"pairs": ["big+mlp-8->linear"], "teacher": {"logits": {"big": "a"}, "order": "b"}},
            "give their mean",
        ),
        (
            {"teacher": {"logits": "a.npy", "order": "b", "normalisation": {"mean": 0, "std": 1}}},
            "normalisation",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], told: str, people: Path) -> None:
    with pytest.raises(SpaceError) as refused:
        parse_space(space_of(people, **changes), "space")
    assert told in str(refused.value)


def test_files_that_are_not_there_losses_of_features_and_studies_are_refused(people: Path) -> None:
    gone = {"logits": str(people / "gone.npy"), "order": str(people / "order.txt")}
    assert "gone.npy: logits cannot be read" in refusal(people, teacher=gone)
    assert "'hint' takes the teacher's features" in refusal(people, search={"loss": ["kd", "hint"]})
    with pytest.raises(SpaceError, match="a study trains a teacher for each seed"):
        parse_space(space_of(people), "space").as_study()


def test_data_that_do_not_name_their_examples_are_refused(people: Path, make_dataset: Any) -> None:
    plan = make_plan(parse_space(space_of(people), "space"), make_dataset())
    with pytest.raises(InputError, match="do not say which example is which"):
        check_files(plan, lambda _: None)


def test_the_record_says_which_files_and_gives_the_job_back(people: Path) -> None:
    job = plan_of(people).baseline_job("teacher", "big")
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    assert job.architectures == ()


def test_a_dry_run_says_which_teachers_are_what(people: Path) -> None:
    teachers = {
        "logits": {"big": str(people / "logits.npy")},
        "order": str(people / "order.txt"),
        "epochs": 7,
    }
    pairs = ["big->linear", "mlp-8+mlp-4->linear"]
    found = dry_run(parse_space(space_of(people, teacher=teachers, pairs=pairs), "space"), people / "runs")
    lines = "\n".join(found.lines())
    assert f"teacher big: logits from {people / 'logits.npy'}" in lines
    assert "teacher mlp-8+mlp-4: 76 weights, 7 epochs each" in lines
    assert [model["members"] for model in found.models] == [[], ["mlp-8", "mlp-4"], []]


@pytest.mark.parametrize("covers_test", [True, False])
def test_a_sweep_learns_from_them_and_the_report_says_what_is_not_known(
    covers_test: bool, people: Path, ray_session: None, capsys: Any
) -> None:
    if not covers_test:
        test = plan_of(people).dataset.open_test()
        keep = np.setdiff1d(np.arange(N), [int(name) for name in test.ids or ()])
        np.save(people / "logits.npy", np.load(people / "logits.npy")[keep])
        np.savetxt(people / "order.txt", keep, fmt="%d")
    space = space_of(
        people,
        objectives=["accuracy", "eod"],
        measures=["auc", "parameters", "class_bias_teacher"],
        pairs=["big->linear", "mlp-8->linear"],
        teacher={
            "logits": {"big": str(people / "logits.npy")},
            "order": {"big": str(people / "order.txt")},
            "epochs": 2,
        },
        search={"temperature": [1, 2], "alpha": 1.0},
        enqueue=[{"pair": "big->linear"}, {"pair": "big->linear", "temperature": 2}],
    )
    run = kdtune.search(space, name="known", directory=people / "runs")
    assert run.status().state == "finished"
    big = next(m for m in run.state().baselines.values() if m.config["architecture"] == "big")
    assert big.values["accuracy"] > 0.8
    assert big.values["auc"] > 0.8
    assert np.isnan(big.values["parameters"])
    assert run.trials()["class_bias_teacher"].notna().all()

    run_sweep(SweepRequest(run.files, None, trials=3))
    assert len(run.trials()) == 3
    trained = load_trained(run, big.id)
    assert trained.recorded.counts[ALL].n == len(run.validation().labels)
    run_export(ExportRequest(run=run.path, replicates=1))
    page = (run.path / "export" / "report.html").read_text()
    front = (run.path / "export" / "front.csv").read_text()
    printed = capsys.readouterr().err
    points = json.loads((run.path / "export" / "front.json").read_text())["points"]
    assert [point["id"] for point in points] == ["thresholds-eod-nds-linear"]
    assert 0 <= points[0]["test"]["values"]["eod"] <= 1
    assert "needs to know everybody&#39;s sex when it decides" in page
    if covers_test:
        assert "do not cover test" not in page
        assert "teacher-big" in front
    else:
        assert "they do not cover test" in page
        assert "they do not cover test" in printed
        assert "teacher-big" not in front
    exported = next((run.path / "export").glob("t*/config.json"))
    assert json.loads(exported.read_text())["teacher"]["architecture"] in ("big", "mlp-8")
    student = kdtune.load_student(exported.parent)
    assert len(student.predict(pd.read_csv(people / "people.csv").head(3))) == 3
