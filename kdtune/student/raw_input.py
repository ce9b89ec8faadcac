"""Turns raw input (images, arrays, rows of a table, texts) into the tensors that a student was trained on."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from kdtune.data.given import check_finite, listed_texts, tensor_of
from kdtune.data.images.pixels import Decoding, convert, decode, without_warnings
from kdtune.data.images.scale import ImageError, RangeError
from kdtune.errors import DataError
from kdtune.user_code import kind_of

if TYPE_CHECKING:
    from kdtune.data.tables.files.form import Form
    from kdtune.data.tables.files.raw_table import RawTable
    from kdtune.data.tables.preprocessing import TablePreprocessing


class Inputs(NamedTuple):
    """Raw input as a tensor, and what is unlike the training data in it, though it can be read."""

    tensor: Tensor
    notes: tuple[str, ...] = ()


def inputs_of(x: Any, preprocessing: Mapping[str, Any], input_shape: Sequence[int]) -> Inputs:
    """Return raw input as uint8 [n, c, h, w], float32 [n, features] or token ids int64 [n, length], and notes.

    Args:
        x: see `Student.logits`.
        preprocessing: of the data set, as plain JSON.
        input_shape: of one example.

    Raises:
        DataError: the input does not fit what the student was trained on.
    """
    shape = tuple(int(size) for size in input_shape)
    kind = input_kind(preprocessing, shape)
    if (isinstance(x, list | tuple) and not x) or getattr(x, "shape", None) == (0,):
        return Inputs(_nothing(kind, shape))
    match kind:
        case "text":
            return Inputs(_text(x, preprocessing, shape))
        case "table":
            return _table(x, preprocessing, shape)
        case "image":
            return Inputs(_images(x, Decoding.of_student(preprocessing, shape), shape))


def features_of(table: "RawTable", fitted: "TablePreprocessing") -> Inputs:
    """Return the features of a table's rows, float32 [n, features], and what is unlike the training data in them."""
    features = torch.from_numpy(fitted.transform(table))
    return Inputs(features, tuple(f"{table.prefix}{line}" for line in fitted.strange(table)))


def _nothing(kind: str, shape: tuple[int, ...]) -> Tensor:
    match kind:
        case "text":
            return torch.empty((0, shape[0]), dtype=torch.int64)
        case "table":
            return torch.empty((0, *shape), dtype=torch.float32)
        case _:
            return torch.empty((0, *shape), dtype=torch.uint8)


def input_kind(
    preprocessing: Mapping[str, Any], input_shape: Sequence[int]
) -> Literal["image", "table", "text"]:
    """Return what a student reads.

    Args:
        preprocessing: of the data set, as plain JSON; a data set of a user's own may leave its `kind` out.
        input_shape: of one example.
    """
    kind = preprocessing.get("kind")
    if kind == "text":
        return "text"
    return "table" if kind in ("table", "features") or len(input_shape) == 1 else "image"


def _table(x: Any, preprocessing: Mapping[str, Any], shape: tuple[int, ...]) -> Inputs:
    if preprocessing.get("kind") == "features":
        reads = f"this student reads numbers [n, {shape[0]}], as they were before"
        rows = tensor_of(x, reads)
        fits = True
    else:
        reads = (
            "this student reads the path of a table, a DataFrame with the raw columns, or prepared features float32 "
            f"[n, {shape[0]}]"
        )
        is_frame = _is_a(x, "pandas", "DataFrame")
        if preprocessing.get("kind") == "table" and (isinstance(x, str | Path) or is_frame):
            from kdtune.data.tables.preprocessing import TablePreprocessing

            fitted = TablePreprocessing.from_dict(preprocessing)
            return features_of(table_in_form(x, fitted.form), fitted)
        if hasattr(x, "to_pandas"):
            raise DataError(f"{reads}; got {kind_of(x)}: give x.to_pandas()")
        rows = tensor_of(x, reads)
        fits = rows.is_floating_point()
    if not fits or rows.dim() != 2 or rows.shape[1] != shape[0]:
        raise DataError(f"{reads}; got {_described(rows)}")
    prepared = check_finite(rows).to(torch.float32)
    if preprocessing.get("kind") != "table":
        return Inputs(prepared)
    from kdtune.data.tables.preprocessing import TablePreprocessing

    return Inputs(prepared, TablePreprocessing.from_dict(preprocessing).unlike_prepared(prepared.numpy()))


def table_in_form(source: Any, form: "Form") -> "RawTable":
    """Return the table of a DataFrame, or of a file that is written as the training file was.

    Raises:
        DataError: it is not; the message says what a student, which has no such options, leaves to do.
    """
    if _is_a(source, "pandas", "DataFrame"):
        from kdtune.data.tables.files.frames import table_of_frame

        return table_of_frame(source, form)
    if not isinstance(source, str | Path):
        raise DataError(f"a table is the path of a file, or a pandas DataFrame, and not {kind_of(source)}")
    from kdtune.data.tables.files.reading import open_table

    try:
        return open_table(source, form)
    except DataError as error:
        remedy = (
            "; a student has no such option: write the file as the training file was, or give a DataFrame"
        )
        raise DataError(f"{error}{remedy if 'set `' in str(error) else ''}") from None


def _text(x: Any, preprocessing: Mapping[str, Any], shape: tuple[int, ...]) -> Tensor:
    from kdtune.data.texts.tokenizer import encode_texts

    length, vocabulary = shape
    if (texts := listed_texts([x] if isinstance(x, str) else x)) is not None:
        return encode_texts(texts, preprocessing)
    reads = f"this student reads texts, or token ids int64 [n, {length}] from 0 to {vocabulary - 1}"
    ids = tensor_of(x, reads)
    fits = ids.dtype == torch.int64 and ids.dim() == 2 and ids.shape[1] == length
    if not fits or (len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocabulary):
        raise DataError(f"{reads}; got {_described(ids)}")
    return ids


def _images(x: Any, decoding: Decoding, shape: tuple[int, ...]) -> Tensor:
    channels, height, width = shape
    wanted = f"uint8 [n, {channels}, {height}, {width}] or [n, {height}, {width}, {channels}]"
    if _is_picture(x):
        x = [x]
    if isinstance(x, list | tuple) and all(_is_picture(item) for item in x):
        return torch.stack([_picture(item, decoding, shape) for item in x])
    reads = f"this student reads images, or pixels {wanted} with values 0 to 255"
    pixels = tensor_of(x, reads)
    if pixels.dtype != torch.uint8:
        raise DataError(f"{reads}; got {_described(pixels)}")
    if pixels.dim() == 3:
        pixels = pixels[None]
    if tuple(pixels.shape[1:]) == shape:
        return pixels
    if tuple(pixels.shape[1:]) == (height, width, channels):
        return pixels.permute(0, 3, 1, 2).contiguous()
    raise DataError(f"this student reads pixels {wanted}; got {_described(pixels)}")


def _is_picture(x: Any) -> bool:
    return isinstance(x, str | Path) or _is_a(x, "PIL.Image", "Image")


def _is_a(x: Any, module: str, name: str) -> bool:
    """Return whether x is of a class in a module that may not be installed; an object of it needs the module."""
    imported = sys.modules.get(module)
    return imported is not None and isinstance(x, getattr(imported, name))


def _picture(item: Any, decoding: Decoding, shape: tuple[int, ...]) -> Tensor:
    is_file = isinstance(item, str | Path)
    with without_warnings():
        try:
            pixels = decode(item, decoding).pixels if is_file else convert(item, decoding).pixels
        except RangeError as error:
            raise DataError(
                f"{item if is_file else 'an image'}: {error}; this student was trained without a `value_range`: "
                "give images with 8 or 16 bits"
            ) from None
        except (ImageError, OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{item if is_file else 'an image'}: {error}") from None
    _, height, width = shape
    if pixels.shape[:2] != (height, width):
        raise DataError(
            f"an image has {pixels.shape[1]}x{pixels.shape[0]} pixels; this student reads {width}x{height}"
        )
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def _described(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}"
