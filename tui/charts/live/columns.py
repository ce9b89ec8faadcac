"""The columns of the tables of trials: which there are, how wide, and which of them fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kdtune.text import plain

from ...drawing.text import short, width
from ..doubt import against, has_interval
from ..frame import Frame

LEFT = 4
"""Columns for signs: the cursor, the front or the series, the state, the pin."""

GAP = 2
"""Columns between two columns."""

MARGIN = "±95 %"
"""Ends the heading of a measure that is shown with half the width of its 95 % interval."""

_WITH_MARGIN = 10
_MARGINS_FROM = 50
"""Intervals are shown from so many columns on; in fewer, they would push out the settings."""

_LONGEST_ID, _SHORT_ID = 16, 10
_ROOMY = 50
_LONGEST_PAIR = 22
_LONGEST_VERDICT = 24

MADE_BY = ("temperature", "alpha", "lr")
"""Settings that say, with the pair, what made a student."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: in the store; those of the table itself begin with `#`.
        right: whether it is aligned to the right.
        blank: whether baselines have nothing in it, so that their longer names may run over it.
    """

    name: str
    title: str
    width: int
    right: bool = True
    blank: bool = False


Offers = list[tuple[int, Column]]
"""Columns with their places from left to right, the most important first."""


def columns(frame: Frame) -> list[Column]:
    """Return the columns of the table of trials that fit, in its order; the least important are left out."""
    store = frame.store
    offers: Offers = [(50 + k, _objective(frame, name)) for k, name in enumerate(store.record.objectives)]
    few = (*store.baselines, *store.trials[:1], *store.trials[-1:])
    most = max((model.epochs for model in few), default=0)
    offers.append((45, Column("epoch", "epoch", max(5, 2 * len(str(most)) + 1))))
    settings = [name for name in store.settings if name != "pair"]
    offers += [(30 + k, _setting(frame, name)) for k, name in enumerate(settings[:2])]
    if len(store.pairs) > 1:
        title, shown = frame.pairs
        offers.append((20, _pair(title, shown.values())))
    offers.append((70, Column("#spark", short(store.record.objectives[0]) + " by epoch", 12, right=False)))
    offers += [(32 + k, _setting(frame, name)) for k, name in enumerate(settings[2:])]
    return _fitting(frame, [*offers, *_further(frame)])


def front_columns(frame: Frame, *, settings: bool = True) -> list[Column]:
    """Return the columns of the front's table that fit: what made each member, and what it reaches.

    Args:
        settings: whether there are columns of what made each member.
    """
    store = frame.store
    offers: Offers = [(50 + k, _objective(frame, name)) for k, name in enumerate(store.record.objectives)]
    offers.append((1, Column("#step", "step", 4, blank=True)))
    if frame.resolution is not None and frame.resolution.known:
        offers += [(60, _verdict(frame, "nds", "to NDS")), (61, _verdict(frame, "teacher", "to teacher"))]
    made = made_by(frame) if settings else []
    offers += [(11 + k, _setting(frame, name)) for k, name in enumerate(made) if name != "pair"]
    if "pair" in made:
        offers.append((10, _pair("pair", map(plain, store.pairs))))
    rest = [name for name in store.settings if settings and name not in made]
    offers += [(30 + k, _setting(frame, name)) for k, name in enumerate(rest)]
    return _fitting(frame, [*offers, *_further(frame)])


def made_by(frame: Frame) -> list[str]:
    """Return the settings that say what made the members of the front: the pair, T, α, the learning rate."""
    store = frame.store
    there = {name for i in store.front if (model := store.model(i)) is not None for name in model.config}
    return [name for name in ("pair", *MADE_BY) if name in there]


def _pair(title: str, shown: Iterable[str]) -> Column:
    longest = max(map(width, shown), default=4)
    return Column("pair", title, min(_LONGEST_PAIR, max(longest, len(title))), right=False, blank=True)


def column_at(shown: Sequence[Column], x: int) -> Column | None:
    """Return the column whose heading is at a place."""
    left = LEFT
    for column in shown:
        if left <= x < left + column.width:
            return column
        left += column.width + GAP
    return None


def name_room(shown: Sequence[Column]) -> int:
    """Return how many columns the name of a baseline may take: those of the names, and blank ones beside them."""
    room = shown[0].width
    for column in shown[1:]:
        if not column.blank:
            break
        room += GAP + column.width
    return room


def _fitting(frame: Frame, offers: Offers) -> list[Column]:
    """Return the names, and the offered columns that fit beside them, in the order of their places."""
    store = frame.store
    latest = list(store.state.trials)[-1:]
    cells = max([6, *(width(frame.named(i)) for i in (*store.trivial - set(store.state.baselines), *latest))])
    longest = max((width(frame.named(model.id)) for model in store.baselines), default=0)
    chosen = _chosen(frame, cells, offers)
    if name_room(chosen) < longest:  # no blank columns for the baselines' names to run over
        wide = _LONGEST_ID if frame.width >= _ROOMY else _SHORT_ID
        cells = max(cells, min(wide, longest - name_room(chosen) + cells))
        chosen = _chosen(frame, cells, offers)
    return chosen


def _chosen(frame: Frame, cells: int, offers: Offers) -> list[Column]:
    room = frame.width - LEFT - cells - GAP
    chosen: Offers = [(0, Column("id", "trial", cells, right=False))]
    for place, column in offers:
        if column.width <= room:
            room -= column.width + GAP
            chosen.append((place, column))
    return [column for _, column in sorted(chosen, key=lambda item: item[0])]


def _objective(frame: Frame, name: str) -> Column:
    title, cells = short(name), max(6, width(short(name)) + 1)
    if has_interval(name) and frame.width >= _MARGINS_FROM:
        sign = frame.glyphs.text(MARGIN)
        cells = max(_WITH_MARGIN + width(sign) - width(MARGIN), width(title) + 1 + width(sign) + 1)
        return Column(name, f"{title} {MARGIN}", cells)
    return Column(name, title, cells)


def _setting(frame: Frame, name: str) -> Column:
    longest = frame.store.widest.get(name, 0)
    return Column(name, short(name), max(4, longest, width(short(name)) + 1), blank=True)


def _verdict(frame: Frame, role: str, title: str) -> Column:
    longest = max((width(against(frame, member, role)) for member in frame.store.front), default=0)
    return Column(f"#{role}", title, min(_LONGEST_VERDICT, max(len(title), longest)), right=False, blank=True)


def _further(frame: Frame) -> Offers:
    """Return the measures that are no objectives."""
    names = [name for name in frame.store.measures if name not in frame.store.record.objectives]
    return [
        (71 + k, Column(name, short(name), max(6, width(short(name)) + 1))) for k, name in enumerate(names)
    ]
