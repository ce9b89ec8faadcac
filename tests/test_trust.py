"""Every file that kdtune reads, damaged or malicious: it is read or refused, and nothing in it runs."""

import copy
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdtune.cli import main
from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.weights.pretrained import read_state
from kdtune.errors import KdtuneError
from kdtune.runs import lock
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from tests.limits import PATIENCE, at_most
from tests.readers import READERS, Reader, bundle, load_folder, picture
from tests.test_bad_input import run as make_run

DEEP = 3_000

WEIRD: list[Any] = [
    None, True, -1, 0, 10**400, -(10**30), 1e308, 0.5, "", "x", "\x1b[2J", "../../etc/passwd", "9" * 5000, [], {}, [[]],
    {"a": {}}, [None], ["\ud800"], {"__class__": "os.system"}, list(range(50)),
]  # fmt: skip


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
    """Read a file, with a warning of what is lost if need be, or be refused; any other exception fails the test."""
    said = "read"
    with warnings.catch_warnings(record=True) as warned:
        warnings.filterwarnings("always", category=UserWarning)
        try:
            reader.read(path)
        except KdtuneError as error:
            said = str(error)
    assert 1 <= len(said.splitlines()) <= 5
    assert all(len(str(warning.message).splitlines()) == 1 for warning in warned)


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
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
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
