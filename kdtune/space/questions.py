"""What can be told of a question before the data are read: names that are none, bounds without sense, lost files."""

import math
from collections.abc import Sequence
from pathlib import Path

from kdtune.errors import InputError, SpaceError, UnknownNameError, about
from kdtune.pareto import Constraint, parse_constraint
from kdtune.runs.measures.objectives import Measure, find_measure
from kdtune.space.losses import check_losses
from kdtune.space.schema import Space
from kdtune.trackers import check_installed

_SYMBOLS = ("majority", "chance")
"""Names that a bound may use; their values are the data's."""


def check_question(space: Space, imports: Sequence[str] = ()) -> None:
    """Refuse what no data could make right.

    Args:
        imports: modules of the user's own, which may register more measures.

    Raises:
        InputError: an objective or a bound on a quantity that there is not, a bound that can't be met or always is, a
            file of weights that is not there, or a tracker that is not installed.
    """
    if not (imports or space.imports):
        check_measures(space)
        check_losses(space.searches)
    for name, text in space.constraints.items():
        bound = parse_constraint(name, text, symbols=dict.fromkeys(_SYMBOLS, 0.5))
        measure = _measure(name)
        if measure is not None and _is_plain(text):
            check_bound(measure, bound, text)
    for name in space.log:
        check_installed(name)
    files = [(file, "weights") for section in (space.teacher, space.student) for file in section.files()]
    for file, what in [*files, *((file, "logits") for file in space.teacher.logits_files())]:
        if not Path(file).expanduser().is_file():
            raise InputError(f"{file}: {what} cannot be read: No such file")


def check_measures(space: Space) -> None:
    """Refuse measures that there are not, once the user's modules are imported.

    Raises:
        UnknownNameError: naming the key.
    """
    for key in ("objectives", "constraints", "measures"):
        with about(key):
            for name in getattr(space, key):
                find_measure(name.partition("@")[0])


def _measure(name: str) -> Measure | None:
    try:
        return find_measure(name.partition("@")[0])
    except UnknownNameError:  # a module that is not imported yet may register it
        return None


def _is_plain(text: str) -> bool:
    """Tell a bound whose value is the same on all data."""
    return not any(symbol in text for symbol in _SYMBOLS)


def check_bound(measure: Measure, constraint: Constraint, text: str) -> None:
    """Refuse a bound that no model can meet, or that every model meets.

    Args:
        text: what the person wrote; its value may depend on the data.

    Raises:
        SpaceError: saying which values there are.
    """
    low, high = measure.range
    least = constraint.direction == ">="
    never = constraint.bound > high if least else constraint.bound < low
    always = constraint.bound <= low if least else constraint.bound >= high
    if not (never or always):
        return
    plain = _is_plain(text)
    told = f"{text!r}" if plain else f"{text!r}, {constraint.bound:.4g} on these data,"
    lies = (
        f"{measure.name} is a share in [0, 1]"
        if (low, high) == (0, 1)
        else f"{measure.name} is {low:g} or more"
        if high == math.inf
        else f"{measure.name} is {high:g} or less"
        if low == -math.inf
        else f"{measure.name} is in [{low:g}, {high:g}]"
    )
    percent = plain and high == 1 and 2 <= constraint.bound <= 100
    remedy = f"did you mean {constraint.bound / 100:.2f}?" if percent else "move the bound, or leave it out"
    raise SpaceError(
        f"constraints: {constraint.name}: {told} {'is always' if always else 'can never be'} met: {lies}: {remedy}"
    )
