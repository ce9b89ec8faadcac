"""Names that people read as the same, though they are written with different characters."""

import unicodedata
from collections.abc import Iterable

_CYRILLIC = (
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0443\u0445\u0501\u04bb"
)
_GREEK = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bd\u03bf\u03c1"
)
_SIGNS = "\u2010\u2011\u2012\u2013\u2014\u2212\u2019\u2018`\u00b4"
_SEEN = str.maketrans(_CYRILLIC + _GREEK + _SIGNS, "ABESIJKMHOPCTYXaesijopcyxdhABEZHIKMNOPTYXvop------''''")
"""Letters and signs -> those of ASCII that look the same."""


def readings(name: str) -> set[str]:
    """Return how people may read a name. Names that share a reading look alike.

    They differ only in case, in blanks, or in characters that look the same or like nothing.
    """
    return {_folded(name), _seen(name).casefold()}


def nearest_alike(name: str, known: Iterable[str]) -> str | None:
    """Return the first known name that looks like another one, but is not it."""
    own = readings(name)
    return next((other for other in known if other != name and own & readings(other)), None)


def differing(first: str, second: str) -> str:
    """Return the codes of what tells two names apart, for a message, where nobody sees it; else an empty text."""
    if _seen(first).casefold() != _seen(second).casefold() or _folded(first) == _folded(second):
        return ""
    odd = [c for c in dict.fromkeys(second + first) if (c in first) != (c in second) and ord(c) > 127]
    return f" ({', '.join(f'U+{ord(c):04X}' for c in odd[:3])})" if odd else ""


def _folded(name: str) -> str:
    return "".join(name.casefold().split())


def _seen(name: str) -> str:
    """Return what is seen of a name: without blanks and characters of no width, similar letters in one spelling."""
    text = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return "".join(text.translate(_SEEN).split())
