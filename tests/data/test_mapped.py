import pickle
from collections import namedtuple

import numpy as np
import pytest
import torch

from kdtune.data import mapped
from kdtune.data.images.views import Views
from kdtune.data.mapped import map_file, mapped_file
from kdtune.errors import DataError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))


def images(n=9, side=6):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (n, 3, side, side), dtype=np.uint8))


def write(key="k", n=9):
    rows = images(n).numpy()
    return mapped_file(key, rows.shape, lambda row: rows[row], remedy="take less"), rows


def test_rows_are_written_once_and_in_their_places() -> None:
    path, rows = write()
    assert np.array_equal(map_file(path), rows)
    again = mapped_file("k", rows.shape, lambda row: pytest.fail("made again"), remedy="")
    assert again == path
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]


def test_a_file_that_is_cut_short_or_of_another_shape_is_made_again() -> None:
    path, rows = write()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="cannot be mapped"):
        map_file(path)
    assert np.array_equal(map_file(write()[0]), rows)
    assert map_file(write(n=4)[0]).shape == (4, 3, 6, 6)


def test_what_fails_leaves_nothing_behind(tmp_path) -> None:
    def row(number):
        if number == 5:
            raise DataError("row 5 is damaged")
        return images().numpy()[number]

    with pytest.raises(DataError, match="row 5"):
        mapped_file("k", (9, 3, 6, 6), row, remedy="")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_decoded(monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")(10, 10, 100)
    monkeypatch.setattr(mapped.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match=r"0\.0 GB are needed.*take less.*KDTUNE_CACHE"):
        write()


@pytest.mark.parametrize(("crop", "flip"), [(0, False), (2, False), (0, True), (2, True)])
def test_streamed_views_have_the_pixels_of_those_in_memory(crop, flip) -> None:
    inputs = images(20)
    options = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4), "crop": crop, "flip": flip, "seed": 3}
    kept, streamed = Views(inputs, **options), Views(inputs, **options, stream=True)
    indices = torch.tensor([7, 0, 19, 7])
    for view in (0, 1, 5):
        assert torch.equal(kept.batch(view, indices), streamed.batch(view, indices))
    assert torch.equal(kept.plain(indices), streamed.plain(indices))
    assert torch.equal(kept.plain(slice(None)), streamed.plain(slice(None)))
    assert streamed._store.data_ptr() == inputs.data_ptr(), "nothing is copied"


def test_arrays_travel_as_paths() -> None:
    from kdtune.data import Augmentation, Dataset, Normalisation, Split
    from kdtune.distill.arrays import Arrays, DeviceData

    path, rows = write(n=40)
    labels = torch.arange(40) % 2
    part = Split(torch.from_numpy(rows), labels, file=path)
    plain = Split(torch.from_numpy(rows), labels)
    content = {"name": "x", "classes": ("a", "b"), "attributes": {}, "preprocessing": {}, "fingerprint": ""}
    content |= {"normalisation": Normalisation((0.5,) * 3, (0.5,) * 3), "augmentation": Augmentation(1, True)}
    arrays = {
        name: Arrays.of(Dataset(train=split, validation=plain, open_test=lambda: plain, **content))
        for name, split in {"mapped": part, "plain": plain}.items()
    }
    sent = pickle.dumps(arrays["mapped"], protocol=5)
    assert len(sent) < len(pickle.dumps(arrays["plain"], protocol=5)) - rows.nbytes // 2
    back = pickle.loads(sent)
    assert isinstance(back.train_inputs, np.memmap)
    assert np.array_equal(back.train_inputs, rows)
    device = torch.device("cpu")
    data = [DeviceData(a, device, view_seed=1, augment=True) for a in (back, arrays["plain"])]
    batches = [d.train.batch(2, torch.arange(40)) for d in data]
    assert torch.equal(*batches)
