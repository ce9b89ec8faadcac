"""Names on the hub: which may be one, and what lies there. They need the package datasets (the extra `datasets`)."""

import re
from pathlib import Path

from kdtune.data.examples.arrow.file import ARROW_SUFFIXES
from kdtune.data.examples.arrow.objects import of_object
from kdtune.data.examples.arrow.part import Part
from kdtune.errors import DataError

_OTHER_FILES = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".zip", ".gz", ".tar")
_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)


def may_be_on_the_hub(path: str) -> bool:
    """Tell whether a path that leads to nothing may be a name on the hub: asking there takes long."""
    folder, _, name = path.rpartition("/")
    return (
        _HUB_NAME.fullmatch(path) is not None
        and ".." not in path
        and Path(name).suffix.lower() not in (*ARROW_SUFFIXES, *_OTHER_FILES)
        and not (folder and Path(folder).exists())
    )


def of_hub(name: str, config: str | None) -> list[Part]:
    """Return the tables of a name on the hub, or in its cache.

    Raises:
        DataError: `datasets` is not installed, or the name can't be had.
    """
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"hf: {name!r} is no file and no folder; for a name on the hub, pip install 'kdtune[datasets]'"
        ) from None
    try:
        found = datasets.load_dataset(name, config)
    except Exception as error:  # what a hub and a download raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"hf: {name!r} is no file and no folder, and can't be had from the hub or its cache ({reason[0]}); where "
            "the hub can't be reached, bring $HF_HOME along, or save it: load_dataset(…).save_to_disk(FOLDER)"
        ) from None
    return of_object(found)
