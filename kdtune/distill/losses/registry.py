"""Losses by name: what each takes, and which of its settings may be searched. Nothing here loads torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from kdtune.distill.config import PROTOCOL
from kdtune.errors import InputError, UnknownNameError
from kdtune.registry import Registry, parameters_of

F = TypeVar("F", bound=Callable[..., Any])

INPUTS = ("logits", "teacher_logits", "labels", "features", "teacher_features", "hints")
"""What a loss may be given of a batch, by name."""

COMMON = ("temperature", "alpha", "scale_by_t2", "label_smoothing")
"""Settings that losses share; each takes those that it names."""

OF_FEATURES = ("features", "teacher_features", "hints")
"""Inputs for which students are trained one by one."""


@dataclass(frozen=True, eq=False)
class Loss:
    """A function of what student and teacher say about a batch; one that is registered anew is another one.

    Attributes:
        takes: names among `INPUTS` and `COMMON`.
        settings: those of its own, with their defaults.
        code: the function, or where in kdtune it is: it needs torch.
    """

    name: str
    takes: frozenset[str]
    settings: Mapping[str, float]
    code: Callable[..., Any] | str

    @property
    def function(self) -> Callable[..., Any]:
        """The function: from the inputs and settings that it names to a loss for each example, [n]."""
        if isinstance(self.code, str):
            module, _, name = self.code.partition(":")
            function: Callable[..., Any] = getattr(import_module(module), name)
            return function
        return self.code

    @property
    def needs_features(self) -> bool:
        """Whether it takes features of the student or of the teacher."""
        return bool(self.takes & set(OF_FEATURES))

    @property
    def tunable(self) -> frozenset[str]:
        """Names of what may be searched of it."""
        return (self.takes & {"temperature", "alpha", "scale_by_t2"}) | set(self.settings)


_SOFT = frozenset(("logits", "teacher_logits", "labels", *COMMON))

READY: Mapping[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("kd", _SOFT, {}, "kdtune.distill.losses.ready:kd"),
        Loss("dkd", _SOFT, {"beta": 1.0}, "kdtune.distill.losses.ready:dkd"),
        Loss(
            "hint", _SOFT | {"hints", "teacher_features"}, {"hint": 1.0}, "kdtune.distill.losses.ready:hint"
        ),
    )
}
"""Hinton's; decoupled KD; and Hinton's with a hint on features."""

losses: Registry[Loss] = Registry("loss", group="kdtune.losses", holds=Loss, code=lambda loss: loss.code)
"""Losses that users have registered, or that installed packages add through the entry points `kdtune.losses`."""


def register_loss(name: str) -> Callable[[F], F]:
    """Return a decorator that registers a function as a loss, to be asked for as `search: {loss: …}`.

    The function names what it takes. Of a batch of n examples: `logits` and `teacher_logits` (float32 [n, classes]),
    `labels` (int64 [n]), `features` and `teacher_features` (the inputs of the last `Linear`, float32 [n, D] each), and
    `hints` (the student's features, mapped to the teacher's width by a linear layer that is trained with the student).
    Of the settings: `temperature`, `alpha`, `scale_by_t2`, `label_smoothing`. Each further parameter has a number as
    its default, and may be searched by its name, which no setting of the training has (`lr`, …). It returns a loss for
    each example, [n], or their mean.

    Where it works under `torch.func.vmap`, students with this loss are trained as one where that is faster.

    Raises:
        InputError: the name is taken, or the function takes something else.
    """

    file_under_name = losses.register(name)
    if name in READY:
        raise InputError(f"loss {name!r} is one of kdtune's own: choose another name")

    def register(function: F) -> F:
        file_under_name(_described(name, function))
        return function

    return register


def _described(name: str, function: Callable[..., Any]) -> Loss:
    takes, settings = set(), {}
    for parameter in parameters_of("loss", name, function):
        if parameter.name in INPUTS or parameter.name in COMMON:
            takes.add(parameter.name)
        elif isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool):
            if parameter.name in PROTOCOL:  # what is searched by this name would reach only one of the two
                raise InputError(
                    f"loss {name!r}: its function takes {parameter.name!r}, and a setting of the training is called "
                    "so: rename it"
                )
            settings[parameter.name] = float(parameter.default)
        else:
            raise InputError(
                f"loss {name!r}: its function takes {parameter.name!r}, which is none of {', '.join(INPUTS + COMMON)}, "
                "and has no number as its default"
            )
    if "logits" not in takes and not takes & set(OF_FEATURES):
        raise InputError(f"loss {name!r}: its function takes neither logits nor features of the student")
    return Loss(name, frozenset(takes), settings, function)


def find_loss(name: str) -> Loss:
    """Return the loss of this name: one of kdtune's, or one that the user registered.

    Raises:
        UnknownNameError: there is none; the message offers the nearest name.
    """
    if name in READY:
        return READY[name]
    if name in losses:
        return losses.get(name)
    raise UnknownNameError("loss", name, [*READY, *losses])
