"""Names of ImageNet's classes in words ("Persian cat"), by their wnids ("n02123394")."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kdtune.errors import DataError
from kdtune.files import read_text

_FILES = ("words.txt", "LOC_synset_mapping.txt")
"""The lists of Tiny ImageNet and of ImageNet at Kaggle. Each line holds a wnid, and its words with commas."""


def class_words(root: Path, wnids: Sequence[str]) -> tuple[str, ...]:
    """Return the first word of each class from the list in `root`; without a list, return the wnids.

    If classes share their first word ("crane" is a bird and a machine), their names have the wnid too.

    Raises:
        DataError: the list can't be read as text.
    """
    path = next((root / name for name in _FILES if (root / name).is_file()), None)
    if path is None:
        return tuple(wnids)
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({type(error).__name__}): copy it again") from None
    words = {cells[0]: cells[1] for line in lines if len(cells := line.split(maxsplit=1)) == 2}
    first = [words.get(wnid, wnid).split(",")[0].strip() or wnid for wnid in wnids]
    times = Counter(first)
    return tuple(
        name if times[name] == 1 else f"{name} ({wnid})" for name, wnid in zip(first, wnids, strict=True)
    )
