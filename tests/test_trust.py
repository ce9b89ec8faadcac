"""Every file that kdtune reads, damaged or malicious: it is read or refused, and nothing in it runs."""

import copy
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from kdtune.cli import main
from kdtune.data.cache import cached_tensors
from kdtune.data.mapped import map_file
from kdtune.data.texts.tokenizer import tokenizer_preparation
from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.weights.pretrained import read_state
from kdtune.errors import KdtuneError
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
from tests.limits import at_most
from tests.test_bad_input import run as make_run

DEEP = 3_000
WEIRD: list[Any] = [
    None, True, -1, 0, 10**400, -(10**30), 1e308, 0.5, "", "x", "\x1b[2J", "../../etc/passwd", "9" * 5000, [], {}, [[]],
    {"a": {}}, [None], ["\ud800"], {"__class__": "os.system"}, list(range(50)),
]  # fmt: skip


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
        (folder / "metrics.json").write_text(json.dumps({"form": 1, "test": {"values": {"accuracy": 0.5}}}))
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


@pytest.fixture(scope="module", autouse=True)
def no_wait_for_a_heartbeat() -> Iterator[None]:
    """Hundreds of files are no driver's: whether their heartbeat changes need not be watched for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "_CHANGE_SECONDS", 0.01)
        yield


@pytest.fixture(scope="module")
def fresh(new_folder: Callable[[], Path]) -> Callable[[str], Path]:
    """Return a function that gives a reader's good file in a folder of its own; made once, then copied."""
    made: dict[str, tuple[Path, Path]] = {}

    def copy_of(name: str) -> Path:
        if name not in made:
            folder = new_folder()
            made[name] = folder, READERS[name].make(folder).relative_to(folder)
        folder, path = made[name]
        copied = new_folder() / "x"
        shutil.copytree(folder, copied)
        return copied / path

    return copy_of


def tried(reader: Reader, path: Path) -> None:
    """Read a file or be refused; any other exception fails the test."""
    said = "read"
    try:
        reader.read(path)
    except KdtuneError as error:
        said = str(error)
    assert 1 <= len(said.splitlines()) <= 5


@st.composite
def damage(draw: Any, content: bytes) -> bytes:
    """Cut short, flip bits, put bytes in between, repeat a part, or all of them."""
    how = draw(st.sampled_from(["cut", "flip", "insert", "double", "zero", "random"]))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    match how:
        case "cut":
            return content[:at]
        case "flip":
            flipped = bytearray(content)
            for _ in range(draw(st.integers(1, 4))):
                flipped[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
            return bytes(flipped)
        case "insert":
            return content[:at] + draw(st.binary(min_size=1, max_size=20)) + content[at:]
        case "double":
            return content[:at] + content
        case "zero":
            return content[:at] + b"\x00" * (len(content) - at)
    return draw(st.binary(max_size=200))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(
    name: str, data: st.DataObject, fresh: Callable[[str], Path]
) -> None:
    reader = READERS[name]
    path = fresh(name)
    path.write_bytes(data.draw(damage(path.read_bytes())))
    tried(reader, path)


def paths_of(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths_of(item, (*here, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return value


STRUCTURED = [name for name in READERS if "json" in name.lower()]


@pytest.mark.parametrize("name", STRUCTURED)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_of_another_kind_is_read_or_refused(
    name: str, data: st.DataObject, fresh: Callable[[str], Path]
) -> None:
    """Valid JSON in which one value is wrong or missing; some values are names that lead elsewhere."""
    reader = READERS[name]
    path = fresh(name)
    lines = path.read_text().splitlines()
    k = data.draw(st.integers(0, len(lines) - 1)) if path.suffix == ".jsonl" else 0
    record = json.loads(lines[k] if path.suffix == ".jsonl" else path.read_text())
    where = data.draw(st.sampled_from(paths_of(record)))
    text = json.dumps(replaced(record, where, data.draw(st.sampled_from(WEIRD))))
    if path.suffix == ".jsonl":
        lines[k] = text
        text = "\n".join(lines) + "\n"
    path.write_text(text)
    tried(reader, path)


@pytest.mark.parametrize("name", [*STRUCTURED, "a space"])
@pytest.mark.parametrize(
    "text",
    ["[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "9" * 100_000, "1e999999999"],
    ids=["lists", "objects", "digits", "exponent"],
)
def test_deep_nesting_and_huge_numbers_are_refused_at_once(name: str, text: str, fresh: Any) -> None:
    reader = READERS[name]
    path = fresh(name)
    path.write_text(text + "\n")
    tried(reader, path)


class _Evil:
    def __init__(self, ran: Path) -> None:
        self.ran = str(ran)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.ran,)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("form", ["pickle", "torch", "numpy", "old torch"])
def test_a_pickle_in_its_place_does_not_run(
    name: str, form: str, tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    reader = READERS[name]
    path = fresh(name)
    evil = _Evil(tmp_path / "ran")
    path.unlink()
    match form:
        case "pickle":
            path.write_bytes(pickle.dumps(evil))
        case "torch":
            torch.save({"form": 1, "model": evil, "job": {}}, path)
        case "old torch":
            torch.save(evil, path, _use_new_zipfile_serialization=False)
        case "numpy":
            with open(path, "wb") as file:
                np.save(file, np.array([evil], dtype=object), allow_pickle=True)
    tried(reader, path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", READERS)
def test_a_folder_or_a_link_to_nowhere_in_its_place(name: str, fresh: Callable[[str], Path]) -> None:
    reader = READERS[name]
    path = fresh(name)
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))
    tried(reader, path)
    path.unlink(missing_ok=True)
    path.mkdir()
    tried(reader, path)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def holes(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 42)


NO_FILES = (fifo, device, terminal, unix_socket)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("put", NO_FILES)
def test_what_is_no_file_keeps_no_reader_waiting(
    name: str, put: Callable[[Path], None], fresh: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FIFO waits for a writer that never comes; /dev/zero never ends."""
    reader = READERS[name]
    path = fresh(name)
    path.unlink()
    monkeypatch.chdir(path.parent)  # the name of a socket may have 107 letters
    put(path)
    with at_most(20):
        tried(reader, path)


OF_A_RUN = (
    "run.json", "events.jsonl", "heartbeat.json", "lock", "stop", "driver.log", "study.journal", "study.journal.lock",
    ".at-work.json", "validation.safetensors", "known.json", "trackers/tensorboard.json",
    "trials/t0000/config.json", "trials/t0000/reports.jsonl", "trials/t0000/checkpoint.pt", "cohorts/b0000-x.pt",
    "trials/t0000/predictions.safetensors", "trials/t0000/model.safetensors",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(new_folder: Callable[[], Path]) -> Path:
    """Return a folder with a finished run."""
    folder = new_folder()
    make_run(states=("done", "failed"))(folder)
    return folder / "runs" / "r"


@pytest.mark.parametrize("name", OF_A_RUN)
@pytest.mark.parametrize("put", [*NO_FILES, holes])
def test_a_run_from_elsewhere_hides_no_other_and_keeps_nobody_waiting(
    name: str,
    put: Callable[[Path], None],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = RunFiles(tmp_path / "runs" / "r")
    for copied in ("r", "mine"):
        shutil.copytree(finished, files.root.with_name(copied))
    path = files.root / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    monkeypatch.chdir(path.parent)
    put(path)
    monkeypatch.chdir(tmp_path)
    with at_most(30):
        for words in ("status r", "status", "runs", "stop r"):
            assert main(words.split()) in (0, 2)
        capsys.readouterr()
        assert main(["runs", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert rows["mine"]["state"] == "finished"
        assert set(rows) == {"mine", "r"}
        follow(files)


def follow(files: RunFiles) -> None:
    """Read what the monitor reads of a run, as its thread does."""
    from tui.sources import Live

    try:
        live = Live(files, open_run(files.root).record)
    except KdtuneError:
        return
    for _ in range(20):
        try:
            live._read()
        except KdtuneError:
            break
    live._examine()
    live._unread.count(0)
    live.log()
    live.reports("t0000", [])
    live.report("t0000", 1)


@pytest.mark.parametrize("read", [read_checkpoint, read_state])
@pytest.mark.parametrize("bomb", ["deflated", "claimed", "expanded", "meta"])
def test_a_checkpoint_takes_no_more_memory_than_it_has_bytes(read: Any, bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    content: dict[str, Any] = {"form": 1, "model": {"w": torch.zeros(1)}}
    if bomb == "expanded":  # a terabyte of one number
        content["model"]["w"] = torch.zeros(1).expand(1 << 20, 1 << 18)
    elif bomb == "meta":
        content["model"]["w"] = torch.zeros(1 << 38, device="meta")
    torch.save(content, path)
    if bomb in ("deflated", "claimed"):
        with zipfile.ZipFile(
            path, "a", zipfile.ZIP_DEFLATED if bomb == "deflated" else zipfile.ZIP_STORED
        ) as archive:
            archive.writestr("bomb/data/9", bytes(1 << 26 if bomb == "deflated" else 1))
            if bomb == "claimed":
                archive.infolist()[-1].file_size = 1 << 40
    assert path.stat().st_size < 1 << 20
    with pytest.raises(KdtuneError) as refused:
        read(path)
    if read is read_checkpoint:
        why = {"deflated": "it is compressed", "claimed": "claim more bytes than the file has"}
        assert why.get(bomb, "is not kept whole in it") in str(refused.value)


_SMALL_MEMORY = """
import resource, sys
from kdtune.student.student import load_student
good, *huge = sys.argv[1:]
load_student(good)
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
for path in huge:
    try:
        print("loaded", load_student(path))
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[-1])
"""


def test_architectures_that_fill_the_memory_are_refused_before_they_are_built(tmp_path: Path) -> None:
    """40 and 4 GB: shapes are compared with the weights before there is memory for them."""
    architectures = {
        "good": "linear",
        "wide": "mlp-99999-99999",
        "deep": "mlp-" + "-".join(["999"] * 999),
    }
    for name, architecture in architectures.items():
        (tmp_path / name).mkdir()
        config = bundle("config.json")(tmp_path / name)
        config.write_text(json.dumps({**json.loads(config.read_text()), "architecture": architecture}))
    paths = [str(tmp_path / name) for name in architectures]
    command = [sys.executable, "-c", _SMALL_MEMORY, *paths]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    refused = ended.stdout.splitlines()
    assert len(refused) == 2
    assert all(words.startswith("BundleError") for words in refused)
    assert all("does not fit config.json" in words for words in refused)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\n(ran) (w) file closefile\nshowpage\n%%EOF\n"


def test_a_program_in_the_place_of_an_image_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow gives PostScript to ghostscript, whatever the file is called."""
    from PIL import EpsImagePlugin

    from kdtune.data.images.pixels import Decoding
    from kdtune.student.raw_input import _picture

    ghost = tmp_path / "bin" / "gs"
    ghost.parent.mkdir()
    ghost.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    ghost.chmod(0o755)
    monkeypatch.setenv("PATH", str(ghost.parent), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))
    path = picture(tmp_path)
    path.write_bytes(EPS)
    for read in (load_folder, lambda path: _picture(path, Decoding(32, 3), (3, 32, 32))):
        with pytest.raises(KdtuneError, match="does not decode"):
            read(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("model", ["../../x", "/etc", "t0000/../../..", "", ".", "a\x00b", "t" * 300])
def test_a_model_s_name_leads_nowhere_else(model: str, tmp_path: Path) -> None:
    with pytest.raises(KdtuneError, match="is not the name of a trial"):
        RunFiles(tmp_path).model(model)


def test_the_source_unpickles_and_evaluates_nothing() -> None:
    """Calls that could are listed here, each with its reason; a new one must be listed too."""
    import re

    allowed = {
        (
            "report/export/bundle/formats.py",
            "torch.export.load",
        ),  # reads the bytes it wrote in the line before
        ("background/helper.py", "pickle.loads("),  # from a pipe to a child that it started itself
        ("space/reading.py", "yaml.load("),  # with a loader that is PyYAML's safe one, and stricter
    }
    pattern = re.compile(
        r"(?<!safetensors\.)torch\.load\((?![^)]*weights_only=True)|torch\.export\.load|pickle\.loads?\(|yaml\.(?:unsafe_|full_)?load\(|"
        r"sys\.executable, \"-m\"|"  # without -P the folder where it starts is searched for modules, first of all
        r"(?<![\w.])(?:eval|exec)\(|allow_pickle=True|read_pickle|joblib\.load|os\.system|shell=True"
    )
    root = Path(__file__).parents[1]
    found = set()
    for folder in ("kdtune", "tui"):
        for path in (root / folder).rglob("*.py"):
            code = re.sub(r"#.*|\"\"\"(?s:.*?)\"\"\"", "", path.read_text(encoding="utf-8"))
            found |= {
                (str(path.relative_to(root / folder)), match.group()) for match in pattern.finditer(code)
            }
    assert found <= allowed, found - allowed


def test_files_are_opened_by_one_door() -> None:
    """What opens a file otherwise is listed here, each with its reason; a new one must be listed too."""
    import ast

    allowed = {
        ("data/cache.py", "safe_open"): "after the door looked",
        ("data/mapped.py", "np.load"): "after the door looked",
        ("distill/weights/pretrained.py", "safetensors.torch.load_file"): "after the door looked",
        ("distill/torch_file.py", "torch.load"): "of a file that the door opened",
        ("data/images/pixels.py", "Image.open"): "of a tree in which only files are counted",
        ("data/images/tree.py", "Image.open"): "the same",
        ("data/published/source.py", "tarfile.open"): "of an archive that is a file",
        ("output.py", "open"): "of what stands for closed standard streams",
        ("output.py", "os.open"): "the same",
        ("runs/jsonl.py", "open"): "to append, with a door of its own, and of what is a file",
        ("runs/jsonl.py", "os.open"): "the same",
        (
            "runs/measures/own.py",
            "Path(inspect.getsourcefile(function) or '').read_bytes",
        ): "Python that was imported",
        (
            "sweep/remote/local_ray.py",
            "Path(nodes[-1]._session_dir, 'logs', name).read_text",
        ): "Ray's own log",
        (
            "sweep/remote/fork_server.py",
            "Path(session, 'logs', 'fork_server.err').open",
        ): "to write, in the folder that Ray has just made",
        ("sweep/remote/fork_server.py", "os.open"): "of the null device",
        ("space/reading.py", "path.read_text"): "spaces that are part of the package",
        ("sweep/calibration/precision.py", "open"): "of the system",
        ("sweep/remote/memory_guard.py", "Path('/proc/self/status').read_text"): "of the system",
        ("sweep/remote/memory_guard.py", "Path(limit).read_text"): "of the system",
        ("bytecode.py", "bytecode.open"): "of Python's own",
        ("sources/synthetic.py", "open"): "writes a run that it makes itself",
    }
    root = Path(__file__).parents[1]
    words = (
        "read_bytes",
        "read_text",
        "load_file",
        "safe_open",
        "fromfile",
        "memmap",
        "loadtxt",
        "genfromtxt",
        "open",
    )
    others = ("np.load", "torch.load", "torch.jit.load", "numpy.load")
    found = set()
    for folder in ("kdtune", "tui"):
        for path in (root / folder).rglob("*.py"):
            if path == root / "kdtune" / "files.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if name in others or (
                    name.rpartition(".")[2] in words and name not in ("read_text", "self._open")
                ):
                    found.add((str(path.relative_to(root / folder)), name))
    assert found <= set(allowed), found - set(allowed)
