"""Losses in a search: which there can be, and which settings each of them takes."""

from collections.abc import Iterable, Mapping

from kdtune.distill.losses.registry import READY, Loss, find_loss, losses
from kdtune.errors import SpaceError, about, did_you_mean
from kdtune.space.choices import SEARCHABLE, Choice, Range, extremes

_SHARED = frozenset(("temperature", "alpha", "scale_by_t2"))


def losses_of(searched: Mapping[str, Choice]) -> list[str]:
    """Return the names of the losses that a student may be trained with."""
    choice = searched.get("loss", "kd")
    return [] if isinstance(choice, Range) else [str(name) for name in extremes(choice)]


def loss_settings(searched: Mapping[str, Choice]) -> frozenset[str]:
    """Return what is searched that only some losses take."""
    return frozenset(name for name in searched if name in _SHARED or name not in SEARCHABLE)


def taken(loss: Loss, searched: Mapping[str, Choice]) -> dict[str, Choice]:
    """Return what is searched of a student with this loss."""
    left_out = loss_settings(searched) - loss.tunable
    return {name: choice for name, choice in searched.items() if name not in left_out}


def is_known(name: str) -> bool:
    """Tell a loss of kdtune's, or one that is registered already; a module may still be imported that registers it."""
    return name in READY or name in losses


def check_settings(where: str, search: Mapping[str, Choice], searched: Mapping[str, Choice]) -> None:
    """Raise ValueError for what is neither searchable nor a setting of a loss, once all losses are known.

    Args:
        search: the entries to check.
        searched: all entries for a pair, which say what losses there are.
    """
    names = losses_of(searched)
    if not all(map(is_known, names)):
        return
    own = [setting for name in names for setting in find_loss(name).settings]
    for key in search:
        if key not in SEARCHABLE and key not in own:
            known = [*SEARCHABLE, *own]
            raise ValueError(
                f"{where}.{key}: not searchable{did_you_mean(key, known)} (known: {', '.join(known)})"
            )


def check_losses(searches: Iterable[Mapping[str, Choice]]) -> None:
    """Refuse losses that there are not, and settings that none of them takes, once the user's modules are imported.

    Args:
        searches: what is searched for each pair.

    Raises:
        SpaceError: naming the key.
        UnknownNameError: there is no such loss.
    """
    for searched in searches:
        for name in losses_of(searched):
            with about("search.loss"):
                find_loss(name)
        try:
            check_settings("search", searched, searched)
        except ValueError as error:
            raise SpaceError(str(error)) from None
