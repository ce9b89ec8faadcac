"""What a user's model does on made-up inputs: whether it gives logits at all, and whether it is the one it was."""

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

import torch

from kdtune.errors import InputError
from kdtune.models._registry import Builder
from kdtune.torch_defaults import torch_defaults
from kdtune.user_code import kind_of, own_code

_EXAMPLES = 4

_NEAR_ONE = 1e-2
"""How far a sum of probabilities may be from 1 in half precision."""


def try_own(
    name: str, builder: Builder, shape: tuple[int, ...], n_classes: int, *, trained: bool = True
) -> None:
    """Build a user's model and let it answer a few made-up examples, in training and in evaluation mode.

    What it prints goes to standard error. Global generators stay as they were.

    Args:
        trained: whether it is to be trained, and not only to answer with the weights of a file.

    Raises:
        InputError: it raises, it ends the process, what it returns are no logits [n, n_classes] but, say,
            probabilities, or it has nothing to train; the message says where or what.
    """
    with torch_defaults(draws=True), contextlib.redirect_stdout(sys.stderr):
        inputs = _made_up(shape)
        with own_code(f"model {name!r} fails on {_EXAMPLES} examples of shape {list(shape)}"):
            model = builder(shape, n_classes)
            if not isinstance(model, torch.nn.Module):
                raise InputError(
                    f"model {name!r}: its builder returns {kind_of(model)}, not a torch.nn.Module"
                )
            for mode in ("training", "evaluation"):
                with torch.set_grad_enabled(trained and mode == "training"):
                    found: Any = model.train(mode == "training")(inputs.clone())
                wanted = [_EXAMPLES, n_classes]
                if (
                    not isinstance(found, torch.Tensor)
                    or not found.is_floating_point()
                    or list(found.shape) != wanted
                ):
                    raise InputError(
                        f"model {name!r} returns {kind_of(found)} in {mode} for {_EXAMPLES} examples of shape "
                        f"{list(shape)}, not logits, float {wanted}: return one number for each of {n_classes} classes"
                    )
                if bool((found >= 0).all()) and bool(((found.sum(dim=1) - 1).abs() < _NEAR_ONE).all()):
                    raise InputError(
                        f"model {name!r} returns probabilities in {mode}, not logits: none is negative, and those of "
                        "each example sum to 1: leave out the softmax at its end, because losses have their own"
                    )
                if mode == "training":
                    _check_trainable(name, model, found, trained)


def computed(builder: Builder, shape: tuple[int, ...], n_classes: int) -> Mapping[str, torch.Tensor]:
    """Return what tells a user's model from others: its initial weights, its logits and its gradients."""
    model = builder(shape, n_classes).train()
    found = {key: value.clone() for key, value in model.state_dict().items()}
    found["logits"] = model(_made_up(shape))
    if found["logits"].requires_grad:
        found["logits"].square().sum().backward()
    for key, weight in model.named_parameters():
        if weight.grad is not None:
            found[f"gradient of {key}"] = weight.grad
    return found


def _made_up(shape: tuple[int, ...]) -> torch.Tensor:
    """Return examples of noise, or texts of nothing but padding."""
    text = len(shape) == 2
    return torch.zeros(_EXAMPLES, shape[0], dtype=torch.int64) if text else torch.randn(_EXAMPLES, *shape)


def _check_trainable(name: str, model: torch.nn.Module, logits: torch.Tensor, trained: bool) -> None:
    """Refuse a model that no optimiser could change; one without parameters even if it is not to be trained."""
    weights = list(model.parameters())
    if not weights:
        why = "it has no parameters"
    elif not trained:
        return
    elif not any(weight.requires_grad for weight in weights):
        why = "all of its parameters are frozen (requires_grad is False)"
    elif not logits.requires_grad:
        why = "its logits have no gradient (no_grad, detach and item lose it)"
    else:
        return
    raise InputError(
        f"model {name!r} has nothing that can be trained: {why}: let some weights learn, or, if it is a teacher that "
        "is only to answer, give its weights as a file: teacher: {weights: FILE}"
    )
