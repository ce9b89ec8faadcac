"""Images whose values are not plain bytes: which of them are black and white."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kdtune.data.images.pixels import Decoding, convert, decode
from kdtune.data.images.remarks import Remark
from kdtune.data.images.scale import ImageError, RangeError
from kdtune.errors import DataError
from kdtune.student.raw_input import inputs_of
from tests.data.images.drawn_images import SIZE, read


def test_12_bits_of_a_tiff_are_scaled_by_12(tmp_path: Path) -> None:
    values = np.arange(36, dtype=np.uint16).reshape(6, 6) * 117
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = b"".join(int(a << 12 | b).to_bytes(3, "big") for a, b in pairs)
    tags = {256: 6, 257: 6, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 6, 279: len(packed)}
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags.items()
    )
    (tmp_path / "x.tif").write_bytes(
        struct.pack("<2sHI", b"II", 42, 8 + len(packed)) + packed + directory + bytes(4)
    )
    assert np.array_equal(read(tmp_path / "x.tif", 1), np.rint(values / 4095 * 255))


@pytest.mark.parametrize("low", [-1, 0])
def test_32_bits_need_a_range(tmp_path: Path, low: int) -> None:
    values = np.linspace(low, 70000, 35).astype(np.int32).reshape(SIZE)
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(RangeError, match=f"whole numbers of 32 bits, from {low} to 70000"):
        decode(tmp_path / "x.tif", Decoding(None, 1))
    found = decode(tmp_path / "x.tif", Decoding(None, 1, (0, 70000)))
    assert np.array_equal(found.pixels[..., 0], np.rint(values.clip(0) / 70000 * 255))
    assert bool(found.remarks & Remark.CLIPPED) == (low < 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [(1.5, "from 0 to 1.5"), (-0.25, "from -0.25 to 0"), (np.nan, "no numbers"), (np.inf, "no numbers")],
)
def test_floating_point_values_of_no_known_scale(tmp_path: Path, value: float, message: str) -> None:
    values = np.zeros(SIZE, dtype=np.float32)
    values[2, 3] = value
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(ImageError, match=message):
        decode(tmp_path / "x.tif", Decoding(None, 3))
    with Image.open(tmp_path / "x.tif") as opened, pytest.raises(DataError, match=message):
        inputs_of(opened, {}, (3, *SIZE))


@given(st.integers(-5000, 5000), st.integers(-5000, 5000).filter(bool), st.integers(0, 2**32))
def test_a_value_range(black: int, span: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(-6000, 6000, SIZE).astype(np.float32)
    white = black + span
    found = convert(Image.fromarray(values), Decoding(None, 1, (black, white))).pixels[..., 0]
    share = ((values.astype(np.float64) - black) / span).clip(0, 1)
    assert np.array_equal(found, np.rint(share * 255))


def test_tiff_with_white_as_zero_and_with_unsigned_numbers(tmp_path: Path) -> None:
    values = np.arange(35, dtype=np.uint16).reshape(SIZE) * 1800
    Image.fromarray(values).save(tmp_path / "x.tif", tiffinfo={262: 0})
    assert np.array_equal(read(tmp_path / "x.tif", 1), 255 - np.rint(values / 257))
    large = (np.arange(35, dtype=np.uint32).reshape(SIZE) * 120_000_000).view(np.int32)
    Image.fromarray(large).save(tmp_path / "u.tif")
    signed, unsigned = (struct.pack("<HHIH", 339, 3, 1, value) for value in (2, 1))
    content = (tmp_path / "u.tif").read_bytes()
    assert content.count(signed) == 1
    (tmp_path / "u.tif").write_bytes(content.replace(signed, unsigned))
    found = decode(tmp_path / "u.tif", Decoding(None, 1, (0, 34 * 120_000_000))).pixels[..., 0]
    assert np.array_equal(found, np.rint(np.arange(35) / 34 * 255).reshape(SIZE))


def test_signed_values_of_8_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros(SIZE, dtype=np.uint8)).save(tmp_path / "x.tif", tiffinfo={339: 2})
    with pytest.raises(ImageError, match="signed values of 8 bits"):
        decode(tmp_path / "x.tif", Decoding(None, 1))
