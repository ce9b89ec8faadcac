"""Small data of each kind, and untrained students of them in the form of an export."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas
import safetensors.torch
from PIL import Image

import kdtune
from kdtune.data.dataset import Dataset
from kdtune.models import build
from kdtune.student.student import digest


def people(n: int = 900) -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    age, sex, race = rng.integers(18, 80, n), rng.integers(0, 2, n), rng.integers(0, 5, n)
    rich = age + 15 * sex + rng.normal(0, 15, n) > 60
    race_names = np.array(["A", "B", "C", "D", ""], dtype=object)[np.minimum(race, rng.integers(0, 6, n))]
    return pandas.DataFrame(
        {
            "age": age,
            "job": rng.choice(["cook", "nurse", "pilot"], n),
            "sex": np.where(sex, "M", "F"),
            "race": race_names,
            "income": np.where(rich, "high", "low"),
        }
    )


def texts(n: int = 300) -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    bitter, where = rng.integers(0, 2, n), rng.integers(0, 2, n)
    words = rng.choice(["tea", "rain", "milk"], n)
    told = [f"{'bitter' if b else 'sweet'} {word}" for b, word in zip(bitter, words, strict=True)]
    return pandas.DataFrame({"post": told, "mood": np.where(bitter, "bad", "good"), "place": where})


def images(folder: Path, n: int = 40) -> Path:
    """Write a folder for each split and class, and a table with the images' sensitive attribute."""
    rng, rows = np.random.default_rng(0), []
    for split in ("train", "test"):
        for k, name in enumerate(("dark", "light")):
            (folder / split / name).mkdir(parents=True)
            for number in range(n if split == "train" else n // 2):
                pixels = rng.integers(0, 160, (20, 16, 3)) + 60 * k
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{number}.png")
                rows.append((f"{split}/{name}/{number}.png", "indoors" if number % 3 else "outdoors"))
    pandas.DataFrame(rows, columns=["file", "place"]).to_csv(folder.parent / "places.csv", index=False)
    return folder


def untrained(folder: Path, dataset: Dataset, architecture: str) -> kdtune.Student:
    """Write an untrained student in the form of an export, and load it."""
    folder.mkdir()
    module = build(architecture, input_shape=dataset.input_shape, n_classes=dataset.n_classes)
    weights = safetensors.torch.save(dict(module.state_dict()))
    normalisation = dataset.normalisation
    config = {
        "form": 1,
        "kind": "kdtune-student",
        "id": "t0000",
        "architecture": architecture,
        "input_shape": list(dataset.input_shape),
        "classes": list(dataset.classes),
        "attributes": {name: list(groups) for name, groups in dataset.attributes.items()},
        "normalisation": None if normalisation is None else asdict(normalisation),
        "preprocessing": dataset.preprocessing,
        "targets": dataset.targets,
        "weights": {"sha256": digest(weights)},
    }
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.json").write_text("{}")
    return kdtune.load_student(folder)
