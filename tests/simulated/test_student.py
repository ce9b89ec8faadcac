"""A student that was trained on a device, exported, and loaded onto a device."""

import json
from pathlib import Path

import numpy as np
import torch

import kdtune
from kdtune.distill.weights.state import saved_state
from kdtune.student.student import CONFIG, FORM, KIND, METRICS, WEIGHTS, digest
from tests.simulated.device import SimTensor, logged
from tests.simulated.made import arrays_of, data_on, job_of, training_on


def test_it_answers_there_as_on_the_processor(device: torch.device, tmp_path: Path) -> None:
    arrays = arrays_of("images")
    training = training_on(data_on(device, arrays), job_of("resnet8", epochs=1))
    training.run()
    weights = saved_state(training.model.state_dict())
    config = {
        "kind": KIND, "form": FORM, "id": "t0", "architecture": "resnet8", "classes": ["a", "b", "c"],
        "input_shape": list(arrays.input_shape), "weights": {"sha256": digest(weights)},
        "preprocessing": {"kind": "images", "image_size": 16},
        "normalisation": {"mean": arrays.mean, "std": arrays.std},
    }  # fmt: skip
    (tmp_path / CONFIG).write_text(json.dumps(config))
    (tmp_path / METRICS).write_text("{}")
    (tmp_path / WEIGHTS).write_bytes(weights)
    here, there = kdtune.load_student(tmp_path), kdtune.load_student(tmp_path, device=device)
    assert all(isinstance(value, SimTensor) for value in there.module.state_dict().values())
    images = np.array(arrays.validation_inputs)
    with logged() as log:
        logits = there.logits(images)
    assert torch.equal(logits, here.logits(images))
    assert log.waits == 1, "all answers come at once"
    assert list(there.predict(images)) == list(here.predict(images))
