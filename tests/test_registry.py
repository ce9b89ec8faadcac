"""A name that is registered again: at a prompt, or by a module that is loaded again, it counts; else it is refused."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
import torch

from kdtune import models
from kdtune.data import datasets
from kdtune.distill.fused.loss import is_fusable
from kdtune.distill.losses.registry import find_loss, losses
from kdtune.errors import InputError
from kdtune.models import inputs_of
from kdtune.runs.measures.own import measures
from tests.limits import PATIENCE

CELLS = {
    "model": """
@kdtune.register_model("again")
def build(shape, n_classes):
    return {}
""",
    "loss": """
@kdtune.register_loss("again")
def loss(logits):
    return {}
""",
    "measure": """
@kdtune.register_measure("again", direction="min")
def measure(labels):
    return {}
""",
    "data set": """
@kdtune.register_dataset("again")
def load():
    return {}
""",
}
"""What a person writes into a cell, with room for what changes."""


def load_dataset(name: str) -> Any:
    return datasets.get(name)()


FOUND: dict[str, Callable[[], Any]] = {
    "model": lambda: models.models.get("again")((2,), 2),
    "loss": lambda: find_loss("again").function(None),
    "measure": lambda: measures.get("again").of_answers(None),  # type: ignore[misc]
    "data set": lambda: load_dataset("again"),
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    for registry in (models.models, losses, measures, datasets):
        registry._items.pop("again", None)  # type: ignore[attr-defined]
    inputs_of.pop("again", None)
    sys.modules.pop("module_of_mine", None)


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)


def run(cell: str, answer: object = 1, module: str = "__main__") -> None:
    exec(f"import kdtune\n{cell.format(answer)}", {"__name__": module})


@pytest.mark.usefixtures("prompt")
@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_that_is_run_again_counts(kind: str) -> None:
    run(CELLS[kind], 1)
    run(CELLS[kind], 2)
    assert FOUND[kind]() == 2


@pytest.mark.parametrize("kind", CELLS)
def test_a_script_that_registers_a_name_twice_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "ps1", raising=False)
    run(CELLS[kind], 1)
    with pytest.raises(InputError, match=f"{kind} 'again' is registered twice: choose another name"):
        run(CELLS[kind], 2)
    assert FOUND[kind]() == 1


@pytest.mark.usefixtures("prompt")
@pytest.mark.parametrize(("first", "second"), [("__main__", "other"), ("other", "__main__"), ("a", "b")])
def test_two_modules_may_not_share_a_name(first: str, second: str) -> None:
    run(CELLS["loss"], 1, first)
    with pytest.raises(InputError, match="registered twice"):
        run(CELLS["loss"], 2, second)


@pytest.mark.usefixtures("prompt")
def test_a_name_of_kdtune_s_own_stays_taken() -> None:
    with pytest.raises(InputError, match="'lenet5' is registered twice"):
        run(CELLS["model"].replace("again", "lenet5"))


@pytest.mark.parametrize("kind", CELLS)
def test_a_module_that_is_loaded_again_counts(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "module_of_mine.py"
    file.write_text(f"import kdtune\n{CELLS[kind].format(1)}")
    module = importlib.import_module("module_of_mine")
    file.write_text(
        f"import kdtune\n{CELLS[kind].format(22)}"
    )  # of another size: Python looks at it and at the time
    importlib.reload(module)
    assert FOUND[kind]() == 22


def test_a_file_that_registers_a_name_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    cell = CELLS["measure"]
    (tmp_path / "module_of_mine.py").write_text(f"import kdtune\n{cell.format(1)}{cell.format(2)}")
    with pytest.raises(InputError, match="registered twice"):
        importlib.import_module("module_of_mine")


@pytest.mark.usefixtures("prompt")
def test_what_a_model_takes_is_what_was_said_last() -> None:
    cell = """
@kdtune.register_model("again"{})
def build(shape, n_classes):
    pass
"""
    run(cell, ', inputs="text"')
    with pytest.raises(InputError, match="takes text"):
        models.check("again", input_shape=(4,))
    run(cell, "")
    models.check("again", input_shape=(4,))
    run(cell, ', inputs="images"')
    with pytest.raises(InputError, match="takes images"):
        models.check("again", input_shape=(4,))


@pytest.mark.usefixtures("prompt")
def test_whether_students_train_as_one_is_asked_of_the_loss_that_counts() -> None:
    run(CELLS["loss"], "logits.square().mean(dim=1)")
    assert is_fusable("again", 3)
    run(CELLS["loss"], "logits.square().mean(dim=1) * (2 if logits.sum().item() > 0 else 1)")
    assert not is_fusable("again", 3)


@pytest.mark.usefixtures("prompt")
def test_a_model_s_code_is_known_by_what_it_computes_now() -> None:
    run(CELLS["model"], "__import__('torch').nn.Linear(shape[0], n_classes)")
    before = models.behaviour("again", input_shape=(3,), n_classes=2)
    run(CELLS["model"], "__import__('torch').nn.Linear(shape[0], n_classes, bias=False)")
    assert models.behaviour("again", input_shape=(3,), n_classes=2) != before
    assert isinstance(models.build("again", input_shape=(3,), n_classes=2), torch.nn.Linear)


def test_a_real_prompt() -> None:
    again = f"{CELLS['loss'].format(1)}\n{CELLS['loss'].format(2)}\n"
    asked = "from kdtune.distill.losses.registry import find_loss; print(find_loss('again').function(None))\n"
    typed = subprocess.run(
        [sys.executable, "-i", "-"],
        input=f"import kdtune\n{again}{asked}",
        capture_output=True,
        text=True,
        check=False,
    )
    assert typed.stdout.split() == ["2"], typed.stderr
    piped = subprocess.run(
        [sys.executable, "-"],
        input=f"import kdtune\n{again}{asked}",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (piped.stdout, piped.returncode) == ("", 1)
    assert "registered twice" in piped.stderr


def test_a_real_notebook(tmp_path: Path) -> None:
    cells = [
        f"import kdtune\n{CELLS['loss'].format(1)}",
        CELLS["loss"].format(2),
        "from kdtune.distill.losses.registry import find_loss\nfind_loss('again').function(None)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    assert notebook.cells[-1]["outputs"][-1]["data"]["text/plain"] == "2"
