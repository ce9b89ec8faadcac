"""Whether a user's model gives logits at all: tried on made-up inputs, before a sweep begins with it."""

import contextlib
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from kdtune.errors import InputError, KdtuneError
from kdtune.models._registry import Builder

_EXAMPLES = 4


def is_own(builder: Builder) -> bool:
    """Return whether a builder is a user's, not one of kdtune's."""
    return not str(getattr(builder, "__module__", "")).startswith("kdtune.")


def try_own(name: str, builder: Builder, shape: tuple[int, ...], n_classes: int) -> None:
    """Build a user's model and let it answer a few made-up examples, in training and in evaluation mode.

    What it prints goes to standard error. torch's global generator stays as it was.

    Raises:
        InputError: it raises, it ends the process, or what it returns are no logits [n, n_classes]; the message says
            where or what.
    """
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(sys.stderr), torch.no_grad():
        text = len(shape) == 2
        inputs = (
            torch.zeros(_EXAMPLES, shape[0], dtype=torch.int64) if text else torch.randn(_EXAMPLES, *shape)
        )
        try:
            model = builder(shape, n_classes)
            if not isinstance(model, torch.nn.Module):
                raise InputError(f"model {name!r}: its builder returns {_kind(model)}, not a torch.nn.Module")
            for mode in ("training", "evaluation"):
                found: Any = model.train(mode == "training")(inputs.clone())
                wanted = [_EXAMPLES, n_classes]
                if (
                    not isinstance(found, torch.Tensor)
                    or not found.is_floating_point()
                    or list(found.shape) != wanted
                ):
                    raise InputError(
                        f"model {name!r} returns {_kind(found)} in {mode} for {_EXAMPLES} examples of shape "
                        f"{list(shape)}, not logits, float {wanted}: return one number for each of {n_classes} classes"
                    )
        except KdtuneError:
            raise
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise InputError(
                f"model {name!r} fails on {_EXAMPLES} examples of shape {list(shape)}: {_told(error)}"
            ) from None


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    named = type(value).__name__
    if isinstance(value, Sequence | dict):
        return f"a {named} of {len(value)}"
    return f"{'an' if named[:1] in 'aeiou' else 'a'} {named}" if value is not None else "nothing"


def _told(error: BaseException) -> str:
    """Return what an error says in one line, with the place in the user's code where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    installed = tuple(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib", "stdlib"))
    theirs = [frame for frame in frames[1:] if not frame.filename.startswith(installed)]
    last = (theirs or frames)[-1]
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said} ({Path(last.filename).name}, line {last.lineno})"
