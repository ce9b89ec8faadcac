"""Checkpoints: anything wrong with the file is a CheckpointError, and no code in it is run."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from kdtune.distill.arrays import DeviceData
from kdtune.distill.checkpoint import CheckpointError, load_checkpoint, read_checkpoint
from kdtune.distill.config import Job
from kdtune.distill.training import Training
from tests.malicious import Malicious


@pytest.fixture
def job(make_job: Any) -> Job:
    made: Job = make_job("mlp-16")
    return made


@pytest.fixture
def path(data: DeviceData, job: Job, tmp_path: Path) -> Path:
    Training(job, data, checkpoint=tmp_path / "checkpoint.pt").step()
    return tmp_path / "checkpoint.pt"


def load(path: Path, job: Job, data: DeviceData) -> None:
    training = Training(job, data)
    load_checkpoint(path, job, training.model, training.optimizer)


def test_round_trip(path: Path, job: Job, data: DeviceData) -> None:
    content = read_checkpoint(path)
    assert Job.from_dict(content["job"]) == job
    load(path, job, data)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_truncated(path: Path, job: Job, data: DeviceData, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError) as caught:
        load(path, job, data)
    assert str(path) in str(caught.value)


def test_a_flipped_bit_is_noticed_or_harmless(path: Path, job: Job, data: DeviceData) -> None:
    """Anywhere in the file: the CheckpointError that leads to a new start, no other error, no other weights."""
    content = path.read_bytes()
    good = read_checkpoint(path)["model"]
    generator = torch.Generator().manual_seed(0)
    everywhere = torch.randint(len(content), (60,), generator=generator).tolist()
    noticed = 0
    for position in [*everywhere, *range(0, 2000, 40), *range(len(content) - 600, len(content), 17)]:
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        path.write_bytes(flipped)
        training = Training(job, data)
        try:
            load_checkpoint(path, job, training.model, training.optimizer)
        except CheckpointError:
            noticed += 1
            continue
        state = training.model.state_dict()
        assert all(torch.equal(state[name], good[name]) for name in good), f"byte {position}"
    assert noticed > 60


@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, form: str) -> None:
    path, mark = tmp_path / "evil.pt", tmp_path / "was-here"
    if form == "pickle":
        path.write_bytes(pickle.dumps({"form": 1, "job": Malicious(mark)}))
    else:
        torch.save({"form": 1, "job": Malicious(mark)}, path)
    with pytest.raises(CheckpointError, match=r"evil\.pt: not readable as a checkpoint"):
        read_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"form": 2},
        {"form": 1},
        {"form": 1, "job": None},
        {"form": 1, "job": {"train": {}}, "model": {}, "optimizer": {}, "reports": []},
    ],
)
def test_another_content_is_refused(tmp_path: Path, job: Job, data: DeviceData, content: Any) -> None:
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"other\.pt"):
        load(path, job, data)


@pytest.mark.parametrize("part", ["model", "optimizer", "reports"])
def test_a_part_that_does_not_fit_is_refused(path: Path, job: Job, data: DeviceData, part: str) -> None:
    content = read_checkpoint(path)
    content[part] = {"x": torch.zeros(1)} if part != "reports" else [{"epoch": 1}]
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="damaged"):
        load(path, job, data)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing"):
        read_checkpoint(tmp_path / "nothing.pt")
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path)
