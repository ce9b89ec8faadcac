from pathlib import Path

import pytest
import torch

from kdtune.data.cache import cached_tensors
from kdtune.files import cache_dir


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path))
    return tmp_path


def test_the_folder_is_the_users_or_that_asked_for(cache, monkeypatch) -> None:
    assert cache_dir() == cache
    monkeypatch.delenv("KDTUNE_CACHE")
    assert cache_dir().name == "kdtune"
    monkeypatch.setenv("KDTUNE_CACHE", "~/there")
    assert cache_dir() == Path.home() / "there"


def test_made_once_and_the_same_again(cache) -> None:
    calls = []

    def make():
        calls.append(1)
        return {"x": torch.arange(6).view(2, 3).T, "y": torch.zeros(0, 3)}

    first, second = cached_tensors("a/b", make), cached_tensors("a/b", make)
    assert len(calls) == 1
    assert torch.equal(first["x"], second["x"])
    assert second["y"].shape == (0, 3)
    assert [path.name for path in (cache / "a").iterdir()] == ["b.safetensors"]


def test_one_flipped_bit_is_noticed(cache) -> None:
    cached_tensors("k", lambda: {"x": torch.zeros(100)})
    file = cache / "k.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    assert cached_tensors("k", lambda: {"x": torch.ones(1)})["x"].tolist() == [1]


def test_a_failure_while_making_leaves_nothing_behind(cache) -> None:
    with pytest.raises(RuntimeError):
        cached_tensors("k", lambda: (_ for _ in ()).throw(RuntimeError()))
    assert list(cache.iterdir()) == []
