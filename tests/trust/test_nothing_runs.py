"""A program in the place of every file that kdtune reads: nothing in it runs."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kdtune.errors import KdtuneError
from tests.malicious import Malicious
from tests.trust.readers import READERS, load_folder, picture
from tests.trust.tried import tried


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("form", ["pickle", "torch", "numpy", "old torch"])
def test_a_pickle_in_its_place_does_not_run(
    name: str, form: str, tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    reader = READERS[name]
    path = fresh(name)
    evil = Malicious(tmp_path / "ran")
    path.unlink()
    match form:
        case "pickle":
            path.write_bytes(pickle.dumps(evil))
        case "torch":
            torch.save({"form": 1, "model": evil, "job": {}}, path)
        case "old torch":
            torch.save(evil, path, _use_new_zipfile_serialization=False)
        case "numpy":
            with open(path, "wb") as file:
                np.save(file, np.array([evil], dtype=object), allow_pickle=True)
    tried(reader, path)
    assert not (tmp_path / "ran").exists()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\n(ran) (w) file closefile\nshowpage\n%%EOF\n"


def test_a_program_in_the_place_of_an_image_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow gives PostScript to ghostscript, whatever the file is called."""
    from PIL import EpsImagePlugin

    from kdtune.data.images.pixels import Decoding
    from kdtune.student.raw_input import _picture

    ghost = tmp_path / "bin" / "gs"
    ghost.parent.mkdir()
    ghost.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    ghost.chmod(0o755)
    monkeypatch.setenv("PATH", str(ghost.parent), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))
    path = picture(tmp_path)
    path.write_bytes(EPS)
    for read in (load_folder, lambda path: _picture(path, Decoding(32, 3), (3, 32, 32))):
        with pytest.raises(KdtuneError, match="does not decode"):
            read(path)
    assert not (tmp_path / "ran").exists()
