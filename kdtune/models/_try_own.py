"""What a user's model does on made-up inputs: whether it gives logits at all, and whether it is the one it was."""

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

import torch

from kdtune.errors import InputError
from kdtune.models._registry import Builder
from kdtune.torch_defaults import torch_defaults
from kdtune.user_code import kind_of, own_code, told

_EXAMPLES = 4

_MODES = ("training", "evaluation") * 2
"""Twice, because what a model keeps of one mode may be of no use in the other."""

_NEAR_ONE = 1e-2
"""How far a sum of probabilities may be from 1 in half precision."""

_ROUNDING = 0.05
"""Share of the largest logit by which half precision may change one in a batch of another size."""

_TINY = 1e-5
"""What rounding may leave of logits that are 0."""

_DRAWS, _LARGE = 8, 10.0
"""How often, and how large, weights are drawn before answers count as bounded."""


def try_own(
    name: str, builder: Builder, shape: tuple[int, ...], n_classes: int, *, trained: bool = True
) -> None:
    """Build a user's model and let it answer a few made-up examples, in training and in evaluation mode.

    What it prints goes to standard error. Global generators stay as they were.

    Args:
        trained: whether it is to be trained, and not only to answer with the weights of a file.

    Raises:
        InputError: it raises, it ends the process, what it returns are no logits [n, n_classes] but, say,
            probabilities, it has nothing to train, or its weights and an example do not decide what it answers; the
            message says where or what.
    """
    with torch_defaults(draws=True), contextlib.redirect_stdout(sys.stderr):
        inputs = _made_up(shape)
        with own_code(f"model {name!r} fails on {_EXAMPLES} examples of shape {list(shape)}"):
            model = _built(name, builder, shape, n_classes)
            for mode in _MODES:
                if model.train(mode == "training") is not model:
                    raise InputError(
                        f"model {name!r}: its train(mode) does not return the model: end it with `return self`"
                    )
                with torch.inference_mode(not trained or mode == "evaluation"):
                    found: Any = model(inputs.clone())
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
            _check_repeatable(name, model, inputs, found)
            again = _built(name, builder, shape, n_classes).eval()
            _check_built_again(name, model, again, inputs, found)
        if _are_bounded(again, inputs):
            raise InputError(
                f"model {name!r} returns numbers between 0 and 1 whatever its weights are, not logits: leave out the "
                "sigmoid at its end, because losses have their own softmax"
            )


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


def _built(name: str, builder: Builder, shape: tuple[int, ...], n_classes: int) -> torch.nn.Module:
    model: Any = builder(shape, n_classes)
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"model {name!r}: its builder returns {kind_of(model)}, not a torch.nn.Module")
    if any(map(torch.nn.parameter.is_lazy, model.parameters())):
        raise InputError(
            f"model {name!r}: some of its layers are lazy (LazyLinear, …) and have no weights yet: call it once on "
            "made-up inputs in its builder"
        )
    return model


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


def _check_repeatable(name: str, model: torch.nn.Module, inputs: torch.Tensor, logits: torch.Tensor) -> None:
    """Refuse a model, in evaluation mode, that answers an example otherwise another time, or among others."""
    half = _EXAMPLES // 2
    with torch.inference_mode():
        second, of_fewer, third = (model(part.clone()) for part in (inputs, inputs[:half], inputs))
    if _differ(second, logits) or _differ(third, logits):
        raise InputError(
            f"model {name!r} answers the same examples differently each time in evaluation: use dropout and noise only "
            "`if self.training`, and keep nothing from one call to the next"
        )
    if _differ(of_fewer, logits[:half], _ROUNDING):
        raise InputError(
            f"model {name!r} answers an example differently in evaluation if other examples stand beside it: compute "
            "nothing across examples there (a batch normalisation needs its running statistics)"
        )


def _check_built_again(
    name: str, model: torch.nn.Module, again: torch.nn.Module, inputs: torch.Tensor, logits: torch.Tensor
) -> None:
    """Refuse a model that another one, built again, shares weights with, or is not equal to with the same weights."""
    learns = {weight.data_ptr() for weight in model.parameters() if weight.requires_grad and weight.numel()}
    if not learns.isdisjoint(weight.data_ptr() for weight in again.parameters()):
        raise InputError(
            f"model {name!r}: two that are built share weights, so that to train one changes the other: make them anew "
            "in its builder, or copy them (clone, deepcopy)"
        )
    try:
        again.load_state_dict(model.state_dict())
    except RuntimeError as error:
        raise InputError(
            f"model {name!r}: the weights that it saves (its state_dict) do not fit when it is built again: make all "
            f"of its layers in its builder, none in forward: {told(error)}"
        ) from error
    with torch.no_grad():
        if _differ(again(inputs.clone()), logits):
            raise InputError(
                f"model {name!r} answers differently when it is built again with the weights that it saves (its "
                "state_dict), as every student is: register the tensors that it draws (nn.Parameter, register_buffer), "
                "and put layers into an nn.ModuleList or nn.ModuleDict, not a list or dict"
            )


@torch.no_grad()
def _are_bounded(model: torch.nn.Module, inputs: torch.Tensor) -> bool:
    """Tell whether a model's answers lie between 0 and 1 whatever its weights are; they are changed."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for _ in range(_DRAWS if weights else 0):
        for weight in weights:
            weight.normal_(std=_LARGE)
        try:
            answers = model(inputs.clone())
        except Exception:  # not every model can work with such weights
            return False
        if not bool(((answers >= 0) & (answers <= 1)).all()):
            return False
    return bool(weights)


def _differ(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-3) -> bool:
    """Tell whether logits differ by more than a share of the largest one, and than rounding; NaN never does."""
    return bool((a - b).abs().max() > tolerance * b.abs().max() + _TINY)
