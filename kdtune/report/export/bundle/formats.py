"""A student in formats that do not need kdtune: a torch.export program, ONNX. Each is run and compared."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtune.errors import InputError
from kdtune.files import dumps
from kdtune.report.export.bundle.graph import Graph, graph_of
from kdtune.report.export.bundle.writing import ExportError, write_pretty
from kdtune.student.student import Student

TORCH_FILE, ONNX_FILE, FORMATS = "model.pt2", "model.onnx", "formats.json"
ABOUT = "kdtune"
"""Under this name the file itself says what its input and output are, as JSON: in ONNX's metadata, and among the extra
files of a torch.export program."""

Run = Callable[[Tensor], np.ndarray]
"""Returns logits, given raw inputs."""

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

    They read raw input: what is arithmetic of the preparation is part of the graph, and the file says what its input is
    (see `graph_of`).

    Raises:
        ExportError: a format can't be written, or gives other answers.
    """
    graph = graph_of(student)
    raw = graph.raw(inputs)
    expected = student.logits(inputs).numpy()
    about = {
        "input": graph.described,
        "output": {
            "name": "logits",
            "dtype": "float32",
            "shape": ["batch", len(student.classes)],
            "classes": list(student.classes),
        },
    }
    found: dict[str, Any] = {}
    jobs: list[tuple[bool, str, Callable[[Path, Graph, Mapping[str, Any]], Run]]] = [
        (torch_export, TORCH_FILE, _torch_program),
        (onnx, ONNX_FILE, _onnx_program),
    ]
    for wanted, name, write in jobs:
        if not wanted:
            continue
        try:
            with _quiet():
                run = write(folder / name, graph, about)
                logits = np.concatenate([run(block) for block in torch.split(raw, _BATCH)])
        except ExportError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ExportError(
                f"{folder.name}: {name} can't be written for a {student.config['architecture']}: {reason}"
            ) from None
        found[name] = _compared(folder.name, name, expected, logits)
    if found:
        write_pretty(folder / FORMATS, {**about, "compared": found})


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


def _torch_program(path: Path, graph: Graph, about: Mapping[str, Any]) -> Run:
    batch = torch.export.Dim("batch")
    program = torch.export.export(graph, (graph.example,), dynamic_shapes=({0: batch},))
    torch.export.save(program, path, extra_files={ABOUT: dumps(about)})
    # torch.export.load unpickles. It reads only this file, which the line above wrote.
    again = torch.export.load(path).module()
    return lambda block: np.asarray(again(block).detach().numpy())


def _onnx_program(path: Path, graph: Graph, about: Mapping[str, Any]) -> Run:
    program = torch.onnx.export(
        graph,
        (graph.example,),
        dynamo=True,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props[ABOUT] = dumps(about)
    program.save(path, external_data=False)
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
