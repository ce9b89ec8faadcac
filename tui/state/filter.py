"""The filter's language. All terms must hold, as in `state:running pair:lenet5 T>=4 eod<0.05 front !failed t001`.

Blanks end a term, but not between double quotes: `"accuracy@city=New York">=0.8`, `pair:"my model"`.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kdtune.errors import did_you_mean
from kdtune.runs.records import TRIAL_STATES
from kdtune.runs.state import ModelState

from .store import Store, config_value, numeric
from .view import View

ALIASES = {
    "T": "temperature",
    "t": "temperature",
    "α": "alpha",
    "a": "alpha",
    "acc": "accuracy",
    "id": "id",
    "e": "epoch",
}
FLAGS = ("front", "feasible", "selected", "pinned")

_SIGN = r"(<=|>=|!=|<|>|=|:)"
_COMPARISON = re.compile(rf"([^\s<>=!:]+){_SIGN}(.*)", re.DOTALL)
_COMPARED = re.compile(rf"{_SIGN}(.*)", re.DOTALL)
_QUOTED = r'"[^"]*"'
_SPACED = re.compile(rf"({_QUOTED})|\s*{_SIGN}\s*")
_TERM = re.compile(rf"(?:{_QUOTED}|\S)+")
_TYPED = re.compile(rf'(?:{_QUOTED}|"[^"]*$|\S)+')  # the last term may lack its second quote
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12),
    "!=": lambda a, b: not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12),
}

Test = Callable[[ModelState], bool]


class FilterError(ValueError):
    """A filter that can't be read; the message names the term, and what to write instead."""


@dataclass(frozen=True)
class Filter:
    """A filter that has been read."""

    text: str
    tests: tuple[Test, ...]

    def __call__(self, model: ModelState) -> bool:
        """Return whether a trial passes every term."""
        return all(test(model) for test in self.tests)


def parse(text: str, store: Store, view: View) -> Filter:
    """Return the filter that a text describes; "and" may stand between its terms.

    Raises:
        FilterError: a term names something that no trial has, or compares with something that is not a number.
    """
    terms = [_unquoted(term) for term in split(text)]
    if any(term.lower() == "or" for term in terms):
        raise FilterError("there is no 'or': a trial is shown if all terms hold")
    return Filter(text, tuple(_term(term, store, view) for term in terms if term.lower() != "and"))


def split(text: str) -> list[str]:
    """Return the terms of a filter as they are written, without blanks around their signs."""
    close = _SPACED.sub(lambda found: found[1] or found[2], text)
    return [found[0] for found in _TERM.finditer(close)]


def _unquoted(term: str) -> str:
    """Return a term without the quotes around parts of it; a single quote is a character as others are."""
    return re.sub(_QUOTED, lambda found: found[0][1:-1], term)


def names(store: Store) -> list[str]:
    """Return all names that terms can compare: measures, settings, and a trial's own fields."""
    config = {name for trial in store.state.trials.values() for name in trial.config}
    return sorted({*store.measures, *config, "id", "state", "epoch", "seconds"})


def _term(term: str, store: Store, view: View) -> Test:
    if term[0] in "!-" and len(term) > 1:
        inner = _term(term[1:], store, view)
        return lambda model: not inner(model)
    found = _comparison(term, names(store))
    if found is None:
        return _word(term, store, view)
    raw, operator, wanted = found
    name = raw if raw in names(store) else ALIASES.get(raw, raw)
    if name not in names(store) and store.state.trials:
        known = [*names(store), *ALIASES]
        raise FilterError(f"no trial has {raw!r}{did_you_mean(raw, known)}")
    if not wanted:
        raise FilterError(f"{term!r}: a value is missing after {operator!r}")
    if operator == ":" or (operator in ("=", "!=") and _number(wanted) is None):
        text = wanted.lower()
        positive = operator != "!="
        return lambda model: (text in _text(model, name).lower()) is positive
    number = _number(wanted)
    if number is None:
        raise FilterError(f"{term!r}: {wanted!r} is not a number (for text write {raw}:{wanted})")
    compare = _OPERATORS[operator]
    return lambda model: compare(value(model, name), number)


def _comparison(term: str, known: Sequence[str]) -> tuple[str, str, str] | None:
    """Return name, operator and value of a term; the name may hold signs itself, as `accuracy@race=Caucasian` does."""
    for name in sorted(known, key=len, reverse=True):
        if term.startswith(name) and (found := _COMPARED.fullmatch(term, len(name))):
            return name, found[1], found[2]
    found = _COMPARISON.fullmatch(term)
    return None if found is None else (found[1], found[2], found[3])


def _word(word: str, store: Store, view: View) -> Test:
    match word:
        case "front":
            return lambda model: model.id in store.front
        case "feasible":
            return store.feasible
        case "selected":
            return lambda model: model.id in view.selected
        case "pinned":
            return lambda model: model.id in view.pinned
    if word in TRIAL_STATES:
        return lambda model: model.state == word
    text = word.lower()
    return lambda model: text in model.id.lower() or text in _text(model, "pair").lower()


def value(model: ModelState, name: str) -> float:
    """Return a number of a trial by name: a measure, a setting, epoch or seconds; NaN if it has none."""
    if name in model.values:
        return model.values[name]
    if name == "epoch":
        return float(model.epoch)
    if name == "seconds":
        return model.seconds
    if name == "id":
        return _number(model.id.lstrip("t")) or 0.0
    return numeric(config_value(model, name))


def _text(model: ModelState, name: str) -> str:
    if name == "id":
        return model.id
    if name == "state":
        return model.state
    found = config_value(model, name)
    return str(value(model, name)) if found is None else str(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def complete(text: str, store: Store) -> str | None:
    """Return the text with its last name completed, None unless exactly one name begins like that."""
    typed = list(_TYPED.finditer(text))
    written = typed[-1][0].lstrip("!-") if typed and typed[-1].end() == len(text) else ""
    last = written.replace('"', "")
    if not last or _COMPARISON.fullmatch(last):
        return None
    known: Sequence[str] = [*FLAGS, *TRIAL_STATES, *names(store)]
    fits = [name for name in known if name.startswith(last) and name != last]
    if len(fits) != 1:
        return None
    rest = fits[0][len(last) :]
    if written.count('"') % 2:
        return f'{text}{rest}"'
    return f'{text}"{rest}"' if re.search(r"\s", rest) else text + rest
