"""Loads what was exported, in a process that registers and trains nothing, and asks it about raw inputs."""

from typing import Any

import numpy as np
import pandas
from PIL import Image

import kdtune

picture = Image.fromarray(np.full((32, 32, 3), 200, dtype=np.uint8))
inputs: dict[str, Any] = {
    "frame": pandas.DataFrame({"income": [10.0, 50.0], "sex": ["f", "m"]}),
    "arrow": [picture, picture],
    "torch": np.zeros((2, 4)),
    "parquet": [picture, picture],
    "posts": ["stupid awful a", "a kind lovely a"],
}
for name, two in inputs.items():
    front = kdtune.open_run(f"runs/{name}").front()
    student = kdtune.load_student(f"runs/{name}/export/{front.index[0]}")
    answers = student.predict(two)
    print(name, student.config["architecture"], len(answers) == 2)
