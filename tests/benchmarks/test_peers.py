"""The peers of the benchmarks train the very students that by hand trains, each once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from benchmarks import by_hand, peers
from kdtune.models import build
from tests.limits import PATIENCE

ROOT = Path(__file__).parents[2]
CONFIGS = [{"temperature": 1.0 + k, "alpha": 0.2 + 0.1 * k, "lr": 0.01} for k in range(3)]


@pytest.fixture
def task(tmp_path: Path, one_thread: None) -> Path:
    shape, classes = (4,), 2
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, n in (("train", 60), ("validation", 40)):
        arrays[f"{split}_inputs"] = rng.normal(size=(n, *shape)).astype(np.float32)
        arrays[f"{split}_labels"] = rng.integers(classes, size=n)
    np.savez(tmp_path / "data.npz", **arrays, validation_groups=rng.integers(2, size=40))
    teacher = build("mlp-8", input_shape=shape, n_classes=classes)
    safetensors.torch.save_file(teacher.state_dict(), tmp_path / "teacher.safetensors")
    content = {
        "cores": 2, "data": str(tmp_path / "data.npz"), "configs": CONFIGS, "epochs": 2, "batch_size": 16,
        "space": {
            "temperature": {"low": 1, "high": 40, "log": True}, "alpha": {"low": 0, "high": 1},
            "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        },
        "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0, "teacher": "mlp-8", "student": "mlp-4",
        "teacher_weights": str(tmp_path / "teacher.safetensors"), "input_shape": shape, "n_classes": classes,
        "mean": None, "std": None, "crop": 0, "flip": False,
    }  # fmt: skip
    path = tmp_path / "task.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("peer", peers.NAMES)
def test_a_peer_trains_what_by_hand_trains(task: Path, peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if peer not in peers.installed():
        pytest.skip("pip install syne-tune")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SYNETUNE_FOLDER", str(task.parent))
    result = task.with_name("found.json")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", peer, str(task), str(result)], check=True, timeout=PATIENCE
    )
    content = json.loads(task.read_text())
    expected = []
    for config in CONFIGS:
        told: list[dict[str, float]] = []
        by_hand.train(config, content, told.append)
        expected.append({**config, **told[-1]})
    assert torch.get_num_threads() == 1
    assert sorted(json.loads(result.read_text()), key=lambda row: row["alpha"]) == [
        pytest.approx(row) for row in expected
    ]
