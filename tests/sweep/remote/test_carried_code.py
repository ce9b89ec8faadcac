"""Where workers look for modules: the user's own last of all; the folder they start in, never. And what can be sent."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray import cloudpickle

import kdtune
from kdtune import user_code
from kdtune.errors import InputError
from kdtune.models import models
from kdtune.runs import open_run
from kdtune.runs.measures.own import measures
from kdtune.sweep.remote.carried_code import UserCode
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE

MINE = """
import kdtune, torch, helpers_of_mine
@kdtune.register_model("mine")
def mine(input_shape, n_classes):
    return helpers_of_mine.flat(torch, input_shape, n_classes)
@kdtune.register_measure("my_measure", direction="min", range=(0, 5))
def my_measure(labels):
    return max(labels)
"""
HELPERS = """
def flat(torch, shape, n):
    size = 1
    for k in shape:
        size *= k
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(size, n))
"""
TRAPS = ("torch", "numpy", "ray", "optuna", "safetensors", "json", "kdtune", "psutil", "yaml")


def lay_traps(folder: Path, ran: Path) -> None:
    """Put files into a folder that would be imported in place of others, and leave a trace if they are."""
    for name in TRAPS:
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write('{name} ')")


@pytest.fixture
def my_folder(tmp_path: Path) -> Path:
    (tmp_path / "model_of_mine.py").write_text(MINE)
    (tmp_path / "helpers_of_mine.py").write_text(HELPERS)
    lay_traps(tmp_path, tmp_path / "ran")
    return tmp_path


def test_the_user_s_code_brings_the_folder_of_its_module_and_puts_it_last(
    my_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(my_folder)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(my_folder))])
    monkeypatch.setattr(user_code, "_added", [])
    try:
        user_code.import_modules(["model_of_mine"])
        assert sys.path[-1] == str(my_folder)
        sent = cloudpickle.dumps(UserCode.of(["mine", "lenet5"], ["auc", "my_measure@race"]))
    finally:
        models._items.pop("mine", None)
        measures._items.pop("my_measure", None)
        for name in ("model_of_mine", "helpers_of_mine"):
            sys.modules.pop(name, None)
    program = (
        "import pickle, sys; code = pickle.loads(sys.stdin.buffer.read()); code.register();"
        "from kdtune.models import models; from kdtune.runs.measures.own import measures;"
        "print([*code.models, *code.measures], sys.path[-1], models.get('mine')((3, 4, 4), 2)[1].weight.shape[1],"
        " measures.get('my_measure').of_answers(labels=[3]))"
    )
    ended: Any = subprocess.run(
        [sys.executable, "-P", "-c", program], input=sent, cwd="/", capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.decode().split() == ["['mine',", "'my_measure']", str(my_folder), "48", "3"]
    assert not (my_folder / "ran").exists()


TYPED = """
import kdtune, torch
@kdtune.register_model("typed", inputs="text")
def typed(input_shape, n_classes):
    return torch.nn.Sequential(torch.nn.Embedding(input_shape[1], n_classes), torch.nn.Flatten())
"""


def test_a_model_that_was_typed_at_a_prompt_takes_in_a_worker_what_it_takes_here() -> None:
    exec(
        TYPED, {"__name__": "__main__"}
    )  # as in a cell of a notebook: a worker has no module to import it from
    try:
        sent = cloudpickle.dumps(UserCode.of(["typed"]))
    finally:
        models._items.pop("typed")
    program = (
        "import pickle, sys; pickle.loads(sys.stdin.buffer.read()).register();"
        "from kdtune.models import build; print(build('typed', input_shape=(7, 30), n_classes=2)[0].weight.shape[0])"
    )
    ended: Any = subprocess.run(
        [sys.executable, "-P", "-c", program], input=sent, cwd="/", capture_output=True, check=False
    )
    assert (ended.stdout, ended.returncode) == (b"30\n", 0), ended.stderr


def test_a_folder_that_a_program_added_is_found_too(my_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (my_folder / "late").mkdir()
    monkeypatch.syspath_prepend(my_folder / "late")
    program = "import pickle, sys; pickle.loads(sys.stdin.buffer.read()); print(sys.path)"
    sent = cloudpickle.dumps(UserCode.of(()))
    ended: Any = subprocess.run(
        [sys.executable, "-P", "-c", program], input=sent, cwd="/", capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert repr(str(my_folder / "late")) in ended.stdout.decode()


def test_what_can_t_be_sent_is_named_before_anything_is_trained() -> None:
    lock = threading.Lock()

    @kdtune.register_measure("locked", direction="min")
    def locked(labels: Any) -> float:
        with lock:
            return 0.0

    said = "measure 'locked' can't be sent to the processes that train: it holds .* a lock.*: TypeError: cannot pickle"
    try:
        with pytest.raises(InputError, match=said):
            UserCode.of((), ["locked"])
    finally:
        measures._items.pop("locked")


@pytest.mark.slow
def test_a_sweep_with_the_user_s_model_imports_nothing_else_from_there(my_folder: Path) -> None:
    """From the command line, in a folder with a torch.py, a numpy.py, ...; for workers and driver."""
    space = {**SMALL_SPACE, "pairs": ["lenet5->mine"], "budget": {"trials": 2, "epochs": 1}}
    (my_folder / "space.yaml").write_text(yaml.safe_dump(space))
    script = Path(sys.executable).with_name("kdtune")
    ended = subprocess.run(
        [script, "search", "space.yaml", "--import", "model_of_mine", "--name", "r"],
        cwd=my_folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, ended.stderr
    assert set(open_run(my_folder / "runs" / "r").trials()["state"]) == {"done"}
    assert not (my_folder / "ran").exists(), (my_folder / "ran").read_text()
