"""Files that claim more memory than they have bytes are refused before it is taken."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from kdtune.distill.checkpoint import read_checkpoint
from kdtune.distill.weights.pretrained import read_state
from kdtune.errors import KdtuneError
from tests.limits import PATIENCE
from tests.trust.readers import bundle


@pytest.mark.parametrize("read", [read_checkpoint, read_state])
@pytest.mark.parametrize("bomb", ["deflated", "claimed", "expanded", "meta"])
def test_a_checkpoint_takes_no_more_memory_than_it_has_bytes(read: Any, bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    content: dict[str, Any] = {"form": 1, "model": {"w": torch.zeros(1)}}
    if bomb == "expanded":  # a terabyte of one number
        content["model"]["w"] = torch.zeros(1).expand(1 << 20, 1 << 18)
    elif bomb == "meta":
        content["model"]["w"] = torch.zeros(1 << 38, device="meta")
    torch.save(content, path)
    if bomb in ("deflated", "claimed"):
        with zipfile.ZipFile(
            path, "a", zipfile.ZIP_DEFLATED if bomb == "deflated" else zipfile.ZIP_STORED
        ) as archive:
            archive.writestr("bomb/data/9", bytes(1 << 26 if bomb == "deflated" else 1))
            if bomb == "claimed":
                archive.infolist()[-1].file_size = 1 << 40
    assert path.stat().st_size < 1 << 20
    with pytest.raises(KdtuneError) as refused:
        read(path)
    if read is read_checkpoint:
        why = {"deflated": "it is compressed", "claimed": "claim more bytes than the file has"}
        assert why.get(bomb, "is not kept whole in it") in str(refused.value)


_SMALL_MEMORY = """
import resource, sys
from kdtune.student.student import load_student
good, *huge = sys.argv[1:]
load_student(good)
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
for path in huge:
    try:
        print("loaded", load_student(path))
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[-1])
"""


def test_architectures_that_fill_the_memory_are_refused_before_they_are_built(tmp_path: Path) -> None:
    """40 and 4 GB: shapes are compared with the weights before there is memory for them."""
    architectures = {
        "good": "linear",
        "wide": "mlp-99999-99999",
        "deep": "mlp-" + "-".join(["999"] * 999),
    }
    for name, architecture in architectures.items():
        (tmp_path / name).mkdir()
        config = bundle("config.json")(tmp_path / name)
        config.write_text(json.dumps({**json.loads(config.read_text()), "architecture": architecture}))
    paths = [str(tmp_path / name) for name in architectures]
    command = [sys.executable, "-c", _SMALL_MEMORY, *paths]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    refused = ended.stdout.splitlines()
    assert len(refused) == 2
    assert all(words.startswith("BundleError") for words in refused)
    assert all("does not fit config.json" in words for words in refused)
