"""Losses of the user's own: registered by name, described by what their function takes."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kdtune
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.losses.registry import find_loss, losses
from kdtune.errors import InputError, UnknownNameError
from kdtune.space.choices import SEARCHABLE


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    before = dict(losses._items)
    yield
    losses._items.clear()
    losses._items.update(before)


def test_what_a_function_takes_is_read_off_it() -> None:
    @kdtune.register_loss("mine")
    def mine(logits: Any, teacher_logits: Any, *, temperature: float, margin: float = 2.0) -> None:
        """Do nothing."""

    found = find_loss("mine")
    assert found.takes == {"logits", "teacher_logits", "temperature"}
    assert found.settings == {"margin": 2.0}
    assert found.tunable == {"temperature", "margin"}
    assert found.function is mine
    assert not found.needs_features


@pytest.mark.parametrize(
    ("name", "function", "expected"),
    [
        ("kd", lambda logits: 0, "is one of kdtune's own"),
        ("mine", lambda logits, student: 0, "takes 'student', which is none of logits, teacher_logits"),
        ("mine", lambda logits, flag=True: 0, "takes 'flag'"),
        ("mine", lambda labels: 0, "takes neither logits nor features of the student"),
        (
            "mine",
            lambda logits, lr=3.0: 0,
            "takes 'lr', and a setting of the training is called so: rename it",
        ),
        ("mine", lambda logits, /: 0, "takes 'logits' only by position"),
        ("mine", max, "<built-in function max> does not say what it takes: write a function around it"),
        ("mine", None, "loss 'mine': a function is expected, not None"),
        ("mine", "kl_div", "loss 'mine': a function is expected, not 'kl_div' (str)"),
    ],
)
def test_what_can_t_be_a_loss_is_refused_at_once(name: str, function: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        kdtune.register_loss(name)(function)
    assert expected in str(caught.value)


def test_what_a_trial_is_described_by_is_no_setting_of_a_loss_s_own() -> None:
    described = Job("mlp-8", TrainConfig(1), 0, 0, Distillation("t", 4.0, 0.5)).flat()
    named = {*SEARCHABLE, *described}
    assert {"lr", "batch_size", "optimizer", "seed", "student"} <= named
    shared = {"temperature", "alpha", "scale_by_t2", "label_smoothing"}
    for name in named - shared:
        function = eval(f"lambda logits, {name}=3.0: logits")
        with pytest.raises(InputError, match=f"takes '{name}', and a setting of the training is called so"):
            kdtune.register_loss("mine")(function)
    assert "mine" not in losses


def test_a_name_that_is_missing_is_asked_for_at_once() -> None:
    with pytest.raises(InputError, match=r"the name of a loss, as in @register\(\"name\"\), is expected"):
        kdtune.register_loss(lambda logits: logits)  # type: ignore[arg-type]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with three losses, of which one is in a module that is a script, one not decorated."""
    (tmp_path / "their_losses.py").write_text(
        "import kdtune\n@kdtune.register_loss('theirs')\ndef theirs(logits, margin=2.0):\n    return logits.mean()\n"
        "def plain(logits):\n    return logits.mean()\n"
    )
    (tmp_path / "their_script.py").write_text("import sys\nsys.exit(3)\n")
    about = tmp_path / "their_losses-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-losses\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[kdtune.losses]\ntheirs = their_losses:theirs\nscript = their_script:script\nplain = their_losses:plain\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("package")
def test_a_loss_of_an_installed_package_is_what_its_module_registers() -> None:
    assert find_loss("theirs").settings == {"margin": 2.0}


@pytest.mark.usefixtures("package")
def test_an_installed_package_that_ends_the_process_is_named() -> None:
    said = "loss 'script': the installed package that has it can't be imported: SystemExit: 3 (their_script.py, line 2)"
    with pytest.raises(InputError, match=re.escape(said)):
        find_loss("script")


@pytest.mark.usefixtures("package")
def test_a_function_of_an_installed_package_that_is_not_decorated_is_named() -> None:
    said = "loss 'plain': its entry point names their_losses:plain, and no loss of this name is registered there: decor"
    with pytest.raises(InputError, match=re.escape(said)):
        find_loss("plain")


def test_misspelt_names_get_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'dkdd'; did you mean 'dkd'"):
        find_loss("dkdd")


def test_a_search_is_read_without_torch() -> None:
    code = "import sys, kdtune.space.losses; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
