"""Data sets of a pandas DataFrame: its columns as features, or one of them as texts or images."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdtune.data.dataset import Dataset
from kdtune.data.examples.assemble import Cuts, assemble
from kdtune.data.examples.columns import column_inputs, one_of
from kdtune.data.options import OPTIONS_OF_INPUTS, check_options_of_program
from kdtune.data.tables.files.form import OF_PROGRAMS
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.errors import DataError, did_you_mean
from kdtune.files import cache_dir, write_bytes
from kdtune.torch_defaults import torch_defaults
from kdtune.user_code import kind_of

if TYPE_CHECKING:
    import pandas as pd

INPUT_OPTIONS: dict[str, Any] = {
    option: usual for options in OPTIONS_OF_INPUTS.values() for option, usual in options.items()
}
"""Options of a column of texts or images, and what they are where they are left out."""

_OF_FILES = ("path", "separator", "encoding", "decimal", "header", "columns", "comment")
"""Options of `table` that say where a file is and how it is written."""


@torch_defaults()
def from_dataframe(
    frame: "pd.DataFrame",
    label: str,
    *,
    sensitive: str | Sequence[str] | None = None,
    text: str | None = None,
    image: str | None = None,
    root: str | Path = ".",
    **options: Any,
) -> Dataset:
    """Return a data set of a DataFrame's rows; hand it to `kdtune.search(space, data=…)`.

    Without `text` and `image` its columns are features, read as the data set `table` reads a Parquet file.

    Args:
        frame: a row an example; its index is left out.
        label: the column with the class.
        sensitive: columns, or intersections (`sex*race`), that are the groups.
        text: the column of the texts, where they are the inputs.
        image: the column of the images: paths, or bytes of image files.
        root: the folder that paths of images are relative to.
        options: of features, as for `table` (`positive`, `bins`, `drop`, `test`, …). Of texts `tokenizer`, `length`,
            `vocabulary`; of images `image_size`, `channels`, `crop`, `flip`; of both those of `from_arrays` that cut
            splits and groups.

    Raises:
        DataError: a column or an option can't be used; the message names it and the remedy.
    """
    if not hasattr(frame, "to_parquet") or not hasattr(frame, "columns"):
        raise DataError(f"data frame: a pandas DataFrame is expected, not {kind_of(frame)}")
    if image is None and Path(root) != Path():
        raise DataError("data frame: root is for images, and no column of images is named: leave it out")
    if text is None and image is None:
        return _of_features(frame, label=label, sensitive=sensitive, **options)
    column = one_of("data frame", text, image)
    if column not in frame.columns:
        names = [str(name) for name in frame.columns]
        raise DataError(
            f"data frame: there is no column {column!r}{did_you_mean(column, names)} (columns: {', '.join(names)})"
        )
    of_inputs, cuts = cut_options("data frame", label, sensitive, options)
    table = table_of_frame(frame.drop(columns=[column]), OF_PROGRAMS)
    values = frame[column].tolist()
    inputs = column_inputs(
        "data frame", values, table.at, text=text, image=image, root=Path(root), options=of_inputs
    )
    return assemble("frame", "data frame", table, inputs, cuts, input_column=column)


def cut_options(
    source: str, label: str, sensitive: str | Sequence[str] | None, options: dict[str, Any]
) -> tuple[dict[str, Any], Cuts]:
    """Return the options of the inputs, completed, and those that cut splits and groups.

    Raises:
        DataError: one is neither.
    """
    known = [name for name in Cuts.__dataclass_fields__ if name not in ("label", "sensitive")]
    for name in options:
        if name not in known and name not in INPUT_OPTIONS:
            names = [*known, *INPUT_OPTIONS]
            raise DataError(
                f"{source}: there is no option {name!r}{did_you_mean(name, names)} (options: {', '.join(names)})"
            )
    options = check_options_of_program(source, options)
    sensitive = check_options_of_program(source, {"sensitive": sensitive})["sensitive"]
    of_inputs = {name: options.get(name, default) for name, default in INPUT_OPTIONS.items()}
    return of_inputs, Cuts(
        label, sensitive=sensitive, **{k: v for k, v in options.items() if k in known and v is not None}
    )


def _of_features(frame: "pd.DataFrame", **options: Any) -> Dataset:
    """Read a frame as the file that it would be: one way from columns to features, not two."""
    from kdtune.data.registry import load

    for name in _OF_FILES:
        if name in options:
            raise DataError(f"data frame: {name} is for a table in a file: leave it out")
    content = io.BytesIO()
    try:
        frame.to_parquet(content, index=False)
    except Exception as error:  # pyarrow names the column of mixed values
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"data frame: a column can't be written as Parquet: {reason[-1]}") from None
    name = hashlib.sha256(content.getvalue()).hexdigest()[:24]
    path = cache_dir() / "frames" / f"{name}.parquet"
    if not path.exists():
        write_bytes(path, content.getvalue())
    return load("table", path=str(path), **options)
