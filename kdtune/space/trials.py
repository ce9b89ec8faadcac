"""What is known of trials beforehand: the first ones, and all there can be where their number is finite."""

import itertools
import math
from collections.abc import Mapping, Sequence

from kdtune.distill.losses.registry import find_loss
from kdtune.errors import did_you_mean
from kdtune.space.choices import SEARCHABLE, Choice, Pair, Range, Scalar, joined
from kdtune.space.losses import losses_of, taken

_MOST_COMBINATIONS = 10_000
"""Above so many no sweep tries them all, and what a sampler draws is hardly ever a repetition."""

_NEAR = 1e-8
"""How far from a step of a range a value may be: binary fractions are not decimal ones."""


def combinations(pairs: Sequence[Pair], search: Mapping[str, Choice]) -> list[dict[str, Scalar]] | None:
    """Return all trials that there can be, as values by their labels in the study.

    None where there is a range, or where they are too many for a sweep.
    """
    total = 0
    of_pairs: list[dict[str, list[Scalar]]] = []
    for pair in pairs:
        for name in losses_of(pair.searched(search)):
            choices = taken(find_loss(name), pair.searched(search))
            lists: dict[str, list[Scalar]] = {
                pair.label(key): c for key, c in sorted(choices.items()) if isinstance(c, list) and len(c) > 1
            }
            if pair.label("loss") in lists:  # what else there is depends on it
                lists[pair.label("loss")] = [name]
            total += math.prod(map(len, lists.values()))
            if any(isinstance(choice, Range) for choice in choices.values()) or total > _MOST_COMBINATIONS:
                return None
            of_pairs.append({"pair": [pair.pair], **lists} if len(pairs) > 1 else lists)
    return [
        dict(zip(lists, values, strict=True))
        for lists in of_pairs
        for values in itertools.product(*lists.values())
    ]


def given(entry: Mapping[str, Scalar], pairs: Sequence[Pair]) -> dict[str, Scalar]:
    """Return an entry of `enqueue` as values by their labels in the study."""
    of = _meant(entry, pairs)
    values = {pair.label(key): value for pair in of for key, value in entry.items() if key != "pair"}
    return {"pair": of[0].pair, **values} if "pair" in entry else values


def check_enqueue(
    entries: Sequence[Mapping[str, Scalar]], pairs: Sequence[Pair], search: Mapping[str, Choice]
) -> None:
    """Raise ValueError where a trial is asked for that the search could not propose."""
    names = [pair.pair for pair in pairs]
    known = dict.fromkeys(("pair", *SEARCHABLE, *search, *(key for pair in pairs for key in pair.search)))
    for number, entry in enumerate(entries):
        where = f"enqueue.{number}"
        for key in entry:
            if key not in known:
                raise ValueError(
                    f"{where}: unknown key {key!r}{did_you_mean(key, known)} (known: {', '.join(known)})"
                )
        if not _meant(entry, pairs):
            near = did_you_mean(str(entry["pair"]), names)
            raise ValueError(f"{where}.pair: {entry['pair']!r} is no pair{near} (pairs: {', '.join(names)})")
        for pair in _meant(entry, pairs):
            for key, value in entry.items():
                if key != "pair" and not _is_of(value, pair.searched(search).get(key)):
                    raise ValueError(
                        f"{where}.{key}: {value!r} is not what search has for {pair.pair}, "
                        f"{_told(pair.searched(search).get(key))}: widen that, or leave this out"
                    )


def _meant(entry: Mapping[str, Scalar], pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that an entry may be about."""
    if "pair" not in entry:
        return list(pairs)
    sides = [side.strip() for side in joined(str(entry["pair"])).split("->")]
    return [pair for pair in pairs if [pair.teacher, pair.student] == sides]


def _is_of(value: Scalar, choice: Choice | None) -> bool:
    if not isinstance(choice, Range):
        values = choice if isinstance(choice, list) else [choice]
        return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in values)
    if isinstance(value, bool | str) or not choice.low <= value <= choice.high:
        return False
    steps = 0.0 if choice.step is None else (value - choice.low) / choice.step
    return abs(steps - round(steps)) < _NEAR


def _told(choice: Choice | None) -> str:
    if choice is None:
        return "which leaves it alone"
    if isinstance(choice, Range):
        step = "" if choice.step is None else f" in steps of {choice.step:g}"
        return f"{choice.low:g} to {choice.high:g}{step}"
    return ", ".join(map(repr, choice)) if isinstance(choice, list) else repr(choice)
