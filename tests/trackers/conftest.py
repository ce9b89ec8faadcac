"""A finished run to log, each tracker on this machine only, and readers of what the real libraries wrote."""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdtune.runs import Run, open_run
from kdtune.runs.jsonl import read_records
from kdtune.trackers.tracker import metric_names

Curves = dict[str, dict[int, dict[str, float]]]
"""Model -> epoch -> measure -> value."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let every tracker write below one folder, and ask nobody on the network."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT", "TRACKIO_PROJECT", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(small_run: Run, here: Path) -> Run:
    """Return a copy of the small finished run."""
    shutil.copytree(small_run.path, here / "runs" / "small")
    return open_run(here / "runs" / "small")


def recorded(run: Run) -> Curves:
    """Return what the run itself recorded, by the names that trackers are given."""
    curves: Curves = {}
    for event in read_records(run.files.events):
        if event["kind"] == "report":
            values = {name: float("nan") if v is None else v for name, v in event["values"].items()}
            curves.setdefault(event["id"], {})[event["epoch"]] = metric_names(values)
    return curves


def wandb_records(file: Path) -> Iterator[Any]:
    """Yield the records of a file that `wandb` wrote offline: a log in LevelDB's format, of messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last of several
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record
