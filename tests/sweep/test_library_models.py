"""Teachers and students of other libraries, with the weights that those have: searched, exported, loaded elsewhere."""

import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest

import kdtune
from kdtune.distill.weights import library as room
from tests.distill.weights.test_library import of_timm, of_torchvision

LOAD = """
import sys
import numpy as np
import kdtune
student = kdtune.load_student(sys.argv[1])
assert "ray" not in sys.modules and "timm" in sys.modules
print(student.config["library"]["name"], student.module.size, student.logits(np.load(sys.argv[2])).tolist())
"""


@pytest.mark.slow
def test_pretrained_models_are_finetuned_distilled_exported_and_loaded_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_torchvision(tmp_path)
    of_timm(tmp_path)
    room._kept.cache_clear()
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    space = {
        "dataset": {
            "name": "trifeature",
            "n_train": 24,
            "n_validation": 16,
            "n_test": 16,
            "shapes": 2,
            "colors": 2,
        },
        "pairs": ["torchvision:squeezenet1_1->timm:mobilenetv3_small_050"],
        "teacher": {"pretrained": True, "lr": 0.001},
        "student": {"pretrained": ["timm:mobilenetv3_small_050"]},
        "budget": {"trials": 1, "epochs": 1},
        "train": {"precision": "float32", "channels_last": False},
        "trivial": "keep",  # one step teaches nothing
    }
    run = kdtune.search(space, "library", directory=tmp_path / "runs")
    assert run.status().state == "finished"
    assert set(run.record.models) == {"torchvision:squeezenet1_1", "timm:mobilenetv3_small_050"}
    # What was copied is enough for an export: the caches are gone.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nowhere"))
    exported = subprocess.run(
        [Path(sys.executable).with_name("kdtune"), "export", str(run.path), "--onnx", "--torch-export"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert exported.returncode == 0, exported.stderr
    folder = run.path / "export" / "t0000"
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), str(tmp_path / "pixels.npy")],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    student = kdtune.load_student(folder)
    assert loaded.stdout.split(" ", 1)[0] == "mobilenetv3_small_050"
    assert loaded.stdout.strip().endswith(str(student.logits(pixels).tolist()))
    assert "(224, 224)" in loaded.stdout
    assert str(tmp_path) not in (folder / "config.json").read_text(), "a bundle names no path of this machine"
