"""Data sets of a table's rows whose input is one column: a text, or an image."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kdtune.data.examples.assemble import Inputs
from kdtune.data.examples.inputs import EncodedImages, Texts
from kdtune.data.images.pixels import Decoding
from kdtune.data.options import check_options_of_inputs
from kdtune.data.texts.tokenizer import preparation_of
from kdtune.errors import DataError
from kdtune.text import rows_beside


def texts_of(
    values: Sequence[Any], at: Callable[[int], str], column: str, preparation: dict[str, Any]
) -> Texts:
    """Return a column of texts as inputs; a missing one is refused, and named by its place alone.

    Raises:
        DataError: a value is no text.
    """
    blank = [row for row, value in enumerate(values) if value is None or isinstance(value, float)]
    if blank:
        raise DataError(
            f"{at(blank[0])}: there is no text in column {column!r}{rows_beside(len(blank))}: leave such rows out"
        )
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise DataError(
                f"{at(row)}: {column!r} is a {type(value).__name__}, not a text: leave the row out"
            )
    return Texts(list(values), preparation)


def images_of(
    values: Sequence[Any], at: Callable[[int], str], column: str, root: Path, options: Mapping[str, Any]
) -> EncodedImages:
    """Return a column of images as inputs: bytes of image files, paths, or records of both as `datasets` writes them.

    Args:
        root: the folder that paths are relative to.
        options: `image_size`, `channels`, `crop`, `flip`.

    Raises:
        DataError: a value is no image.
    """
    files: list[bytes | str] = []
    for row, value in enumerate(values):
        content = value
        if isinstance(value, Mapping):
            content = value.get("bytes") or value.get("path")
        if isinstance(content, bytes | bytearray | memoryview):
            files.append(bytes(content))
        elif isinstance(content, str | Path) and str(content):
            files.append(str(root / Path(content).expanduser()))
        else:
            raise DataError(f"{at(row)}: {column!r} holds no image, but {type(content).__name__}")
    decoding = Decoding(options["image_size"], options["channels"])
    where = [at(row) for row in range(len(files))]
    return EncodedImages(files, where, decoding, options["crop"], options["flip"])


def column_inputs(
    source: str,
    values: Sequence[Any],
    at: Callable[[int], str],
    *,
    text: str | None,
    image: str | None,
    root: Path,
    options: Mapping[str, Any],
) -> Inputs:
    """Return the inputs of the one column that is named; see `texts_of` and `images_of`.

    Raises:
        DataError: a value can't be used, or an option is for other inputs.
    """
    check_options_of_inputs(source, "images" if text is None else "texts", options)
    if text is not None:
        preparation = preparation_of(options["tokenizer"], options["length"], options["vocabulary"])
        return texts_of(values, at, text, preparation)
    assert image is not None
    return images_of(values, at, image, root, options)


def one_of(source: str, text: str | None, image: str | None) -> str:
    """Return the column of the inputs.

    Raises:
        DataError: none is named, or two are.
    """
    if (text is None) == (image is None):
        raise DataError(
            f"{source}: name the column of the inputs: `text: COLUMN` or `image: COLUMN`, one of the two"
        )
    return text if text is not None else str(image)
