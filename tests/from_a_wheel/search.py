"""Searches with data of every kind, and with teachers and students of every library."""

from typing import Any

import datasets
import numpy as np
import pandas
import torch

import kdtune
import kdtune.data

SHORT: dict[str, Any] = {"budget": {"trials": 2, "epochs": 2}, "trivial": "keep", "resources": {"workers": 1}}


class Points(torch.utils.data.Dataset[tuple[torch.Tensor, int, dict[str, str]]]):
    """A map-style data set: two clouds of points, and where each was measured."""

    def __init__(self, n: int) -> None:
        draw = np.random.default_rng(0)
        self.y = draw.integers(0, 2, n)
        self.x = torch.from_numpy(draw.normal(size=(n, 4)) + self.y[:, None]).float()
        self.place = draw.choice(["here", "there"], n)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, int, dict[str, str]]:
        return self.x[k], int(self.y[k]), {"place": str(self.place[k])}


if __name__ == "__main__":
    draw = np.random.default_rng(0)
    income, sex = draw.normal(30, 8, 400), draw.choice(["f", "m"], 400)
    frame = pandas.DataFrame(
        {"income": income, "sex": sex, "paid": np.where(income + draw.normal(0, 4, 400) > 30, "yes", "no")}
    )
    asked: dict[str, tuple[list[str], Any]] = {
        "frame": (["mlp-16->mlp-8"], kdtune.data.from_dataframe(frame, "paid", sensitive="sex")),
        "arrow": (
            ["timm:mobilenetv3_small_050->torchvision:shufflenet_v2_x0_5"],
            kdtune.data.from_hf(
                datasets.load_from_disk("pictures"), "label", image="image", sensitive="camera"
            ),
        ),
        "torch": (["mlp-16->mlp-8"], kdtune.data.from_torch(Points(500))),
    }
    for name, (pairs, data) in asked.items():
        kdtune.search({**SHORT, "pairs": pairs}, name, data=data)
    kdtune.search(
        {
            **SHORT,
            "dataset": {
                "name": "hf",
                "path": "pictures.parquet",
                "image": "image",
                "label": "label",
                "sensitive": "camera",
            },
            "pairs": ["torchvision:shufflenet_v2_x0_5->timm:mobilenetv3_small_050"],
        },
        "parquet",
    )
    kdtune.search(
        {
            **SHORT,
            "dataset": {
                "name": "text",
                "path": "posts.csv",
                "text": "post",
                "label": "toxic",
                "sensitive": "author",
                "length": 8,
                "tokenizer": "./my-bert",
            },
            "pairs": ["hf:./my-bert->hf:./small-bert"],
            "teacher": {"pretrained": True},
            "train": {"optimizer": "adamw", "lr": 0.01},
        },
        "posts",
    )
