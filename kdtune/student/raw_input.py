"""Turns raw input (images, arrays, rows of a table, texts) into the tensors that a student was trained on."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kdtune.data.images.pixels import Decoding, convert, decode, without_warnings
from kdtune.data.images.scale import ImageError, RangeError
from kdtune.errors import DataError


def inputs_of(x: Any, preprocessing: Mapping[str, Any], input_shape: Sequence[int]) -> Tensor:
    """Return raw input as uint8 [n, c, h, w], float32 [n, features] or token ids int64 [n, length].

    Args:
        x: see `Student.logits`.
        preprocessing: of the data set, as plain JSON.
        input_shape: of one example.

    Raises:
        DataError: the input does not fit what the student was trained on.
    """
    shape = tuple(int(size) for size in input_shape)
    match input_kind(preprocessing, shape):
        case "text":
            return _text(x, preprocessing, shape)
        case "table":
            return _table(x, preprocessing, shape)
        case "image":
            return _images(x, Decoding.of_student(preprocessing, shape), shape)


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


def _table(x: Any, preprocessing: Mapping[str, Any], shape: tuple[int, ...]) -> Tensor:
    of_table = preprocessing.get("kind") == "table"
    if of_table and (isinstance(x, str | Path) or _is_a(x, "pandas", "DataFrame")):
        from kdtune.data.tables.files.reading import open_table
        from kdtune.data.tables.preprocessing import TablePreprocessing

        fitted = TablePreprocessing.from_dict(preprocessing)
        table = open_table(x, fitted.form) if isinstance(x, str | Path) else x
        return torch.from_numpy(fitted.transform(table))
    rows = x if isinstance(x, Tensor) else torch.from_numpy(_numbers(x))
    if preprocessing.get("kind") == "features":
        if rows.dim() != 2 or rows.shape[1] != shape[0] or rows.is_complex():
            raise DataError(
                f"this student reads numbers [n, {shape[0]}], as they were before; got {_described(rows)}"
            )
        return rows.to("cpu", torch.float32)
    if not rows.is_floating_point() or rows.dim() != 2 or rows.shape[1] != shape[0]:
        raise DataError(
            "this student reads the path of a table, a DataFrame with the raw columns, or prepared features float32 "
            f"[n, {shape[0]}]; got {_described(rows)}"
        )
    return rows.to("cpu", torch.float32)


def _text(x: Any, preprocessing: Mapping[str, Any], shape: tuple[int, ...]) -> Tensor:
    from kdtune.data.texts.tokenizer import encode_texts

    length, vocabulary = shape
    if isinstance(x, str):
        x = [x]
    if isinstance(x, list | tuple) and x and all(isinstance(text, str) for text in x):
        return encode_texts(x, preprocessing)
    ids = x if isinstance(x, Tensor) else torch.from_numpy(_numbers(x))
    fits = ids.dtype == torch.int64 and ids.dim() == 2 and ids.shape[1] == length
    if not fits or (len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocabulary):
        raise DataError(
            f"this student reads texts, or token ids int64 [n, {length}] from 0 to "
            f"{vocabulary - 1}; got {_described(ids)}"
        )
    return ids.cpu()


def _images(x: Any, decoding: Decoding, shape: tuple[int, ...]) -> Tensor:
    channels, height, width = shape
    wanted = f"uint8 [n, {channels}, {height}, {width}] or [n, {height}, {width}, {channels}]"
    if _is_picture(x):
        x = [x]
    if isinstance(x, list | tuple) and x and all(_is_picture(item) for item in x):
        return torch.stack([_picture(item, decoding, shape) for item in x])
    pixels = x if isinstance(x, Tensor) else torch.from_numpy(_numbers(x))
    if pixels.dtype != torch.uint8:
        raise DataError(
            f"this student reads images, or pixels {wanted} with values 0 to 255; got {_described(pixels)}"
        )
    if pixels.dim() == 3:
        pixels = pixels[None]
    if tuple(pixels.shape[1:]) == shape:
        return pixels.cpu()
    if tuple(pixels.shape[1:]) == (height, width, channels):
        return pixels.permute(0, 3, 1, 2).contiguous().cpu()
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


def _numbers(x: Any) -> np.ndarray:
    try:
        array = np.ascontiguousarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise DataError(
            f"a student can't read {type(x).__name__}: give images, an array, or a DataFrame"
        ) from None
    return array


def _described(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}"
