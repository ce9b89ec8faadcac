"""A student in formats that do not need kdtune: a torch.export program, ONNX. Each is run and compared."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtune.errors import InputError
from kdtune.report.export.bundle.writing import ExportError, write_pretty
from kdtune.student.student import Student, views_of

TORCH_FILE, ONNX_FILE, FORMATS = "model.pt2", "model.onnx", "formats.json"
TOLERANCE = 1e-3
"""Largest difference of logits, relative to the largest logit: other kernels add in another order."""

_BATCH = 500
_NEEDED_FOR_ONNX = ("onnx", "onnxscript", "onnxruntime")


def check_formats(*, onnx: bool) -> None:
    """Raise `InputError` if a format was asked for that can't be written here."""
    missing = [name for name in _NEEDED_FOR_ONNX if find_spec(name) is None]
    if onnx and missing:
        raise InputError(f"--onnx needs {', '.join(missing)}: pip install 'kdtune[onnx]'")


def write_formats(folder: Path, student: Student, inputs: Tensor, *, torch_export: bool, onnx: bool) -> None:
    """Write the formats asked for into a student's folder, and compare their answers on raw inputs with its own.

    Raises:
        ExportError: a format can't be written, or gives other answers.
    """
    prepared = views_of(inputs, student.config).plain(slice(None))
    expected = student.logits(inputs).numpy()
    module = student.module.eval()
    example = torch.zeros_like(prepared[:2])  # it is stored in the file, where nobody's data belong
    found: dict[str, Any] = {}
    jobs: list[tuple[bool, str, Callable[..., Callable[[Tensor], np.ndarray]]]] = [
        (torch_export, TORCH_FILE, _torch_program),
        (onnx, ONNX_FILE, _onnx_program),
    ]
    for wanted, name, write in jobs:
        if not wanted:
            continue
        try:
            with _quiet():
                run = write(folder / name, module, example)
                logits = np.concatenate([run(block) for block in torch.split(prepared, _BATCH)])
        except ExportError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ExportError(
                f"{folder.name}: {name} can't be written for a {student.config['architecture']}: {reason}"
            ) from None
        found[name] = _compared(folder.name, name, expected, logits)
    if found:
        shape = ["batch", *student.config["input_shape"]]
        normalisation = student.config["normalisation"]
        write_pretty(
            folder / FORMATS,
            {
                "input": {
                    "name": "input",
                    "dtype": "float32",
                    "shape": shape,
                    "normalisation": normalisation,
                },
                "output": {"name": "logits", "dtype": "float32", "shape": ["batch", len(student.classes)]},
                "compared": found,
            },
        )


def _compared(student: str, name: str, expected: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """Return how far a format's logits are off; if they are close, only near-ties can get another answer."""
    scale = max(float(np.abs(expected).max()), 1.0)
    off = float(np.abs(logits - expected).max()) if logits.shape == expected.shape else float("inf")
    if not off <= TOLERANCE * scale:
        raise ExportError(
            f"{student}: {name} gives logits that are off by up to {off:.3g}; nothing was exported"
        )
    changed = int((logits.argmax(axis=1) != expected.argmax(axis=1)).sum())
    return {"examples": len(expected), "largest_logit_difference": off, "answers_changed": changed}


def _torch_program(path: Path, module: torch.nn.Module, example: Tensor) -> Callable[[Tensor], np.ndarray]:
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    # torch.export.load unpickles. It reads only this file, which the line above wrote.
    again = torch.export.load(path).module()
    return lambda block: np.asarray(again(block).detach().numpy())


def _onnx_program(path: Path, module: torch.nn.Module, example: Tensor) -> Callable[[Tensor], np.ndarray]:
    torch.onnx.export(
        module,
        (example,),
        path,
        dynamo=True,
        external_data=False,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    session = import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda block: np.asarray(session.run(["logits"], {"input": block.numpy()})[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporters' messages."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
