"""MATLAB's files have the numbers that scipy reads in them; damaged ones are refused, and end no process."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.io import loadmat, savemat

from kdtune.data.published import matlab_files
from kdtune.data.published.matlab_files import MatlabFileError, read_matlab

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def written(content: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    savemat(file, content, **options)
    return file.getvalue()


@given(
    array=st.sampled_from(TYPES).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    ),
    compressed=st.booleans(),
)
def test_arrays_are_those_that_scipy_reads(array: np.ndarray, compressed: bool) -> None:
    content = written(
        {"before": np.ones(3), "X": array, "y1234567": array.T, "text": "not read", "cells": {"a": [1, "b"]}},
        do_compression=compressed,
    )
    expected = loadmat(io.BytesIO(content))
    found = read_matlab(content, ("X", "y1234567", "absent"))
    assert set(found) == {"X", "y1234567"}
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name])
        assert (value.dtype, value.shape) == (expected[name].dtype, expected[name].shape)


def test_numbers_that_are_stored_in_a_smaller_type_and_in_the_other_order() -> None:
    # MATLAB stores doubles that are whole in bytes, which scipy does not write.
    def element(kind: int, value: bytes) -> bytes:
        return kind.to_bytes(4, "big") + len(value).to_bytes(4, "big") + value + b"\0" * (-len(value) % 8)

    flags, shape = (6).to_bytes(4, "big") + bytes(4), (2).to_bytes(4, "big") + (3).to_bytes(4, "big")
    matrix = element(6, flags) + element(5, shape) + element(1, b"a long name") + element(2, bytes(range(6)))
    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI" + element(14, matrix)
    found = read_matlab(content, ("a long name",))["a long name"]
    np.testing.assert_array_equal(found, [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]])
    np.testing.assert_array_equal(found, loadmat(io.BytesIO(content))["a long name"])
    assert found.dtype == "f8"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no MATLAB file of version 5"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "no MATLAB file of version 5"),  # version 7.3
        (written({"X": [1j]}), "'X' holds no real numbers"),
        (written({"X": "text"}), "'X' holds no real numbers"),
        (written({"X": {"a": 1}}), "'X' holds no real numbers"),
        (written({"X": [1.0]})[:-4], "longer than the file"),
        (written({"X": [1.0]}, do_compression=True)[:-9], "longer than the file"),
    ],
)
def test_what_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(MatlabFileError, match=why):
        read_matlab(content, ("X",))


def test_what_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matlab_files, "LARGEST", 10_000)
    with pytest.raises(MatlabFileError, match="without an end"):
        read_matlab(written({"X": np.zeros(10_000)}, do_compression=True), ("X",))


GOOD = {
    compressed: written(
        {"X": np.arange(48).reshape(4, 3, 4), "y": np.ones((4, 1))}, do_compression=compressed
    )
    for compressed in (False, True)
}


@given(
    compressed=st.booleans(),
    changes=st.lists(
        st.tuples(st.integers(124, 420), st.sampled_from([0, 1, 2, 4, 8, 14, 15, 64, 127, 128, 255])),
        max_size=6,
    ),
    cut=st.none() | st.integers(0, 420),
)
def test_a_damaged_file_is_read_or_refused(
    compressed: bool, changes: list[tuple[int, int]], cut: int | None
) -> None:
    damaged = bytearray(GOOD[compressed])
    for at, value in changes:
        damaged[at % len(damaged)] = value
    with contextlib.suppress(MatlabFileError):
        read_matlab(bytes(damaged[:cut]), ("X", "y"))
