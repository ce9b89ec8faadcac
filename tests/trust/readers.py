"""Every file that kdtune reads: how a good one is made, and how it is read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kdtune.data.cache import cached_tensors
from kdtune.data.mapped import map_file
from kdtune.data.texts.tokenizer import tokenizer_preparation
from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.weights.pretrained import read_state
from kdtune.files import read_json
from kdtune.models.families.hugging_face import HuggingFace
from kdtune.report.evaluate.trained import load_trained
from kdtune.runs import lock
from kdtune.runs.events import read_state as read_run_state
from kdtune.runs.jsonl import read_records
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from kdtune.runs.records import RunRecord
from kdtune.runs.summary import summarise
from kdtune.space.reading import read_space
from kdtune.student.student import load_student
from kdtune.terminal.console import print_runs, print_summary
from tests.data import published_forms as published
from tests.data.examples.made import save_tokenizer
from tests.test_bad_input import run as make_run


@dataclass(frozen=True)
class Reader:
    """A file that kdtune reads.

    Attributes:
        make: writes a good one into an empty folder, and returns its path there.
        read: reads it, as kdtune does.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]


def in_run(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        make_run(states=("done", "failed"))(folder)
        files = RunFiles(folder / "runs" / "r")
        lock.beat(files)
        lock.request_stop(files)
        return files.root / name

    return make


def all_of_a_run(path: Path) -> None:
    """Read all that status and the tables need from the run that a file belongs to."""
    root = next(parent for parent in path.parents if parent.name == "r")
    run = open_run(root)
    summarise(run).to_dict()
    run.trials()
    run.front()
    run.baselines()
    for as_json in (False, True):
        print_summary(run, as_json=as_json)
        print_runs(root.parent, as_json=as_json)
    for model in run.state().trials:
        run.reports(model)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(2)}


def torch_file(folder: Path) -> Path:
    content = {
        "form": 1, "job": {"a": 1}, "model": tensors(folder), "optimizer": {"state": {}}, "reports": [{"epoch": 1}]
    }  # fmt: skip
    torch.save(content, folder / "checkpoint.pt")
    return folder / "checkpoint.pt"


def safetensors_file(folder: Path) -> Path:
    save_file(tensors(folder), folder / "x.safetensors")
    return folder / "x.safetensors"


def npy_file(folder: Path) -> Path:
    np.save(folder / "x.npy", np.arange(12, dtype=np.uint8).reshape(3, 4))
    return folder / "x.npy"


def cache_file(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KDTUNE_CACHE", str(folder))
        cached_tensors("x", lambda: tensors(folder))
    return folder / "x.safetensors"


def from_the_cache(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KDTUNE_CACHE", str(path.parent))
        kept = cached_tensors("x", lambda: tensors(path))
    assert torch.equal(kept["weight"], tensors(path)["weight"]), "a damaged file is made again"


def bundle(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from safetensors.torch import save

        from kdtune.models import build
        from kdtune.student.student import digest

        module = build("linear", input_shape=(3,), n_classes=2)
        weights = save(dict(module.state_dict()))
        config = {
            "form": 1, "kind": "kdtune-student", "id": "t0000", "architecture": "linear", "input_shape": [3],
            "classes": ["a", "b"], "preprocessing": {}, "weights": {"sha256": digest(weights)}, "normalisation": None,
        }  # fmt: skip
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "config.json").write_text(json.dumps(config))
        share = {"value": 0.5, "interval": [0.1, 0.9]}
        tested = {"n": 4, "values": {"accuracy": 0.5}, "accuracy": share, "by_class": [], "attributes": {}}
        (folder / "metrics.json").write_text(json.dumps({"form": 1, "test": tested}))
        return folder / name

    return make


def written(text: str, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return make


SPACE = """dataset: {name: trifeature, n_train: 60}
pairs: [lenet5->mlp-16, {pair: resnet8->lenet5, search: {lr: {low: 0.001, high: 0.1, log: true}}}]
search: {temperature: {low: 1, high: 40}, alpha: [0.1, 0.5]}
objectives: [accuracy, eod]
constraints: {accuracy: ">= majority + 0.05"}
budget: {trials: 3, epochs: 2}
train: {lr: 0.01, milestones: [0.5]}
"""


def table_of(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import pandas

        rng = np.random.default_rng(0)
        table = pandas.DataFrame(
            {
                "age": rng.integers(20, 60, 120),
                "race": rng.choice(["a", "b"], 120),
                "y": rng.integers(0, 2, 120),
            }
        )
        if name.endswith(".csv"):
            table.to_csv(folder / name, index=False)
        else:
            table.to_parquet(folder / name)
        return folder / name

    return make


def load_table(path: Path) -> None:
    from kdtune.data import load

    load("table", path=str(path), label="y", positive="1", sensitive="race")


def picture(folder: Path) -> Path:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    for name in ("cat", "dog"):
        (folder / "images" / name).mkdir(parents=True)
        for k in range(12):
            Image.fromarray(pixels).save(folder / "images" / name / f"{k}.png")
    return folder / "images" / "cat" / "3.png"


def load_folder(path: Path) -> None:
    from kdtune.data import load

    load("folder", path=str(path.parents[1]))


def saved_data(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from kdtune.data import from_arrays, save

        rng = np.random.default_rng(0)
        data = from_arrays(
            rng.normal(size=(60, 3)), rng.integers(0, 2, 60), {"sex": rng.integers(0, 2, 60)}, min_group=1
        )
        return save(data, folder / "data") / name

    return make


def load_saved(path: Path) -> None:
    from kdtune.data import load

    load("saved", path=str(path.parent)).open_test()


def arrow_file(folder: Path) -> Path:
    import pyarrow as pa

    rng = np.random.default_rng(0)
    table = pa.table({"t": [f"a {k}" for k in range(60)], "y": rng.choice(["a", "b"], 60)})
    with pa.OSFile(str(folder / "x.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return folder / "x.arrow"


def load_arrow(path: Path) -> None:
    from kdtune.data import load

    load("hf", path=str(path), label="y", text="t", length=8)


def tokenizer_file(folder: Path) -> Path:
    return save_tokenizer(folder) / "tokenizer.json"


def transformer_config(folder: Path) -> Path:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 20, **sizes}))
    return folder / "config.json"


def find_transformer(path: Path) -> None:
    """Read the configuration; a model is not built of it, for its size may be anything."""
    HuggingFace().find(str(path.parent))


def journal(folder: Path) -> Path:
    study = open_journal(folder / "study.journal")
    trial = study.ask()
    trial.suggest_float("temperature", 1, 40)
    study.tell(trial, [0.5, 0.5])
    study.ask()
    return folder / "study.journal"


def open_journal(path: Path) -> Any:
    from kdtune.runs.measures.objectives import MEASURES, Objective
    from kdtune.sweep.trials.optuna_study import open_study, unfinished

    objectives = [
        Objective("accuracy", MEASURES["accuracy"], "all"),
        Objective("eod", MEASURES["eod"], "sex"),
    ]
    study = open_study(path, objectives)
    unfinished(study)
    return study


READERS: dict[str, Reader] = {
    "run.json": Reader(in_run("run.json"), all_of_a_run),
    "run.json alone": Reader(in_run("run.json"), RunRecord.read),
    "events.jsonl": Reader(in_run("events.jsonl"), all_of_a_run),
    "events.jsonl alone": Reader(in_run("events.jsonl"), read_run_state),
    "reports.jsonl": Reader(in_run("trials/t0000/reports.jsonl"), all_of_a_run),
    "config.json of a trial": Reader(
        in_run("trials/t0000/config.json"), lambda path: load_trained(open_run(path.parents[2]), "t0000")
    ),
    "heartbeat.json": Reader(
        in_run("heartbeat.json"), lambda path: lock.driver_seems_alive(RunFiles(path.parent))
    ),
    "stop": Reader(in_run("stop"), lambda path: lock.requested_stop(RunFiles(path.parent))),
    "any JSON": Reader(written('{"a": [1, {"b": null}]}', "x.json"), read_json),
    "any lines": Reader(written('{"a": 1}\n{"b": [2]}\n', "x.jsonl"), lambda path: list(read_records(path))),
    "study.journal": Reader(journal, open_journal),
    "checkpoint.pt": Reader(torch_file, read_checkpoint),
    "weights .pt": Reader(torch_file, read_state),
    "weights .safetensors": Reader(safetensors_file, read_state),
    "a mapped array": Reader(npy_file, map_file),
    "a cached data set": Reader(cache_file, from_the_cache),
    "a student's config.json": Reader(bundle("config.json"), lambda path: load_student(path.parent)),
    "a student's metrics.json": Reader(bundle("metrics.json"), lambda path: load_student(path.parent)),
    "a student's weights": Reader(bundle("model.safetensors"), lambda path: load_student(path.parent)),
    "a space": Reader(written(SPACE, "space.yaml"), lambda path: read_space(str(path))),
    "a CSV table": Reader(table_of("x.csv"), load_table),
    "a Parquet table": Reader(table_of("x.parquet"), load_table),
    "an image": Reader(picture, load_folder),
    "a saved data set's description": Reader(saved_data("data.json"), load_saved),
    "a saved data set": Reader(saved_data("train.safetensors"), load_saved),
    "an Arrow file": Reader(arrow_file, load_arrow),
    "a tokenizer": Reader(tokenizer_file, lambda path: tokenizer_preparation(path.parent, 8)),
    "a transformer's config.json": Reader(transformer_config, find_transformer),
    **{what: Reader(published.make(what), published.read(what)) for what in published.FILES},
}
