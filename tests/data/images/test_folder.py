import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from kdtune import memory
from kdtune.data import MISSING, load
from kdtune.data.images import images
from kdtune.errors import DataError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))


def picture(path, value, size=(8, 8), **save) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((size[1], size[0], 3), value, dtype=np.uint8)
    Image.fromarray(array).save(path, **save)


@pytest.fixture
def root(tmp_path):
    """20 train and 5 test images in each of two classes; an image's value tells which it is."""
    for c, name in enumerate(("cat", "dog")):
        for i in range(20):
            picture(tmp_path / f"images/train/{name}/{name}{i:02}.png", 100 * c + i)
        for i in range(5):
            picture(tmp_path / f"images/test/{name}/t{name}{i}.png", 100 * c + 50 + i)
    return tmp_path / "images"


def values(split):
    return split.inputs[:, 0, 0, 0].tolist()


def write_csv(root, rows):
    path = root.parent / "attributes.csv"
    path.write_text("file,sex,age\n" + "\n".join(rows) + "\n")
    return str(path)


def all_rows(root, sex=lambda i: "fm"[i % 2]):
    files = sorted(file.relative_to(root) for file in root.rglob("*.png"))
    return [f"{file.as_posix()},{sex(i)},{i}" for i, file in enumerate(files)]


def test_splits_labels_and_pixels(root) -> None:
    data = load("folder", path=str(root), validation=0.25)
    assert data.classes == ("cat", "dog")
    assert (len(data.train), len(data.validation), data.input_shape) == (30, 10, (3, 8, 8))
    assert torch.bincount(data.validation.labels).tolist() == [5, 5]
    for split in (data.train, data.validation):
        assert [value // 100 for value in values(split)] == split.labels.tolist()
    assert sorted(values(data.train) + values(data.validation)) == [*range(20), *range(100, 120)]
    test = pickle.loads(pickle.dumps(data.open_test))()
    assert values(test) == [*range(50, 55), *range(150, 155)]
    assert (data.augmentation.crop, data.augmentation.flip) == (4, True)
    assert data.preprocessing["size"] == [8, 8]


def test_a_validation_folder_is_used(root) -> None:
    for name in ("cat", "dog"):
        picture(root / f"val/{name}/v.png", 200)
    data = load("folder", path=str(root))
    assert (values(data.validation), len(data.train)) == ([200, 200], 40)


def test_class_folders_alone_are_cut_by_seed(root) -> None:
    data = load("folder", path=str(root / "train"), test=0.2, validation=0.25)
    parts = [values(data.train), values(data.validation), values(data.open_test())]
    assert [len(part) for part in parts] == [24, 8, 8]
    assert sorted(value for part in parts for value in part) == [*range(20), *range(100, 120)]
    other = load("folder", path=str(root / "train"), test=0.2, validation=0.25, seed=1)
    assert values(other.open_test()) != parts[2]


def test_test_images_are_not_decoded_before_test_is_opened(root) -> None:
    for file in (root / "test").rglob("*.png"):
        file.write_bytes(file.read_bytes()[:45])  # the header, and nothing of the pixels
    data = load("folder", path=str(root))
    with pytest.raises(DataError, match=r"tcat0\.png: does not decode"):
        data.open_test()


@pytest.mark.parametrize("stream", [False, True])
def test_test_images_that_are_none_are_found_before_test_is_opened(root, stream) -> None:
    """Otherwise a sweep would end before they are found, and could not be exported."""
    (root / "test/cat/tcat0.png").write_bytes(b"not an image")
    (root / "test/cat/tcat1.png").write_bytes(b"")
    (root / "test/dog/tdog4.png").unlink()
    (root / "test/dog/tdog4.png").symlink_to(root / "nowhere")
    with pytest.raises(DataError, match=r"does not decode.*; 3 of 10 images in all: .*tcat0.*tcat1.*tdog4"):
        load("folder", path=str(root), stream=stream)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_test_images_of_another_size_are_found_before_test_is_opened(root, suffix) -> None:
    picture(root / f"test/dog/a{suffix}", 7, size=(8, 10))
    with pytest.raises(
        DataError, match=rf"a{suffix} \(test\) has 8x10 pixels, but the images of train have 8x8"
    ):
        load("folder", path=str(root))
    assert len(load("folder", path=str(root), image_size=8).open_test()) == 11


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_test_images_are_measured_as_they_are_turned(tmp_path, suffix, orientation) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    for name in ("cat", "dog"):
        for k in range(12):
            picture(tmp_path / f"{name}/{k}{suffix}", 20 * k, size=(8, 12), exif=exif)
    test = load("folder", path=str(tmp_path)).open_test()
    assert tuple(test.inputs.shape[1:]) == ((3, 8, 12) if orientation == 6 else (3, 12, 8))


def test_an_image_that_does_not_decode_is_named(root) -> None:
    file = root / "train/dog/dog07.png"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match=r"dog07\.png: does not decode"):
        load("folder", path=str(root))


@pytest.mark.parametrize("stream", [False, True])
def test_all_images_that_do_not_decode_are_named_at_once(root, stream) -> None:
    """Of train and validation; cut short, no image at all, and of no known scale, each with its reason."""
    for k in range(12):
        file = root / f"train/dog/dog{k:02}.png"
        file.write_bytes(file.read_bytes()[:40])
    (root / "train/cat/cat00.png").write_text("not an image")
    Image.fromarray(np.full((8, 8), 7, dtype=np.float32)).save(root / "train/cat/cat01.png", format="TIFF")
    with pytest.raises(DataError) as raised:
        load("folder", path=str(root), stream=stream, validation=0.25)
    said = str(raised.value)
    assert "13 of 40 images in all" in said
    assert said.count("train/dog/dog") + said.count("train/cat/cat00") == 11
    assert ", … (3 more)" in said
    assert (
        "cat01.png: has no known scale: floating-point values from 7 to 7: set `value_range: [black, white]`"
        in said
    )
    assert not list((root.parent / "cache").rglob("*.tmp"))
    assert len(said.splitlines()) == 1


def test_images_that_are_gone_or_may_not_be_read_are_named_at_once(root) -> None:
    for k in (3, 4):
        (root / f"train/cat/cat{k:02}.png").unlink()
        (root / f"train/cat/cat{k:02}.png").symlink_to(root / "nowhere")
    with pytest.raises(
        DataError, match=r"it can't be read \(No such file or directory\); 2 of 40 images in all"
    ):
        load("folder", path=str(root))


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_done_to_images_is_counted(root, stream) -> None:
    turned = Image.Exif()
    turned[0x112] = 6
    for k in range(3):
        Image.new("RGB", (8, 8), (k, 0, 0)).save(root / f"train/cat/cat{k:02}.png", exif=turned)
    Image.new("RGBA", (8, 8)).save(root / "train/cat/cat03.png")
    frames = [Image.new("L", (8, 8), value) for value in (0, 255)]
    frames[0].save(root / "train/cat/cat04.gif", save_all=True, append_images=frames[1:])
    for _ in range(2):  # from the cache too
        data = load("folder", path=str(root), stream=stream)
        assert data.notes[1:] == (
            "images of train and validation: 3 turned as their EXIF orientation says",
            "images of train and validation: 1 with several frames, of which the first is read",
            "images of train and validation: 1 with transparency, which is dropped: the colours below it count",
        )


def deep(root, white):
    for c, name in enumerate(("healthy", "ill")):
        (root / name).mkdir(parents=True)
        for k in range(20):
            values = np.full((8, 8), (10 * c + k) * white // 30, dtype=np.uint16)
            Image.fromarray(values).save(root / name / f"{k}.png")
    return root


@pytest.mark.parametrize("stream", [False, True])
def test_images_that_do_not_fit_into_memory_are_refused_before_one_is_decoded(
    root, stream, monkeypatch
) -> None:
    def decode(*_):
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(images, "decode", decode)
    with pytest.raises(
        DataError, match=r"images of 100000x100000 pixels take [\d,.]+ GB of memory, .*`image_size`"
    ):
        load("folder", path=str(root), image_size=100_000, stream=stream)


def test_images_that_keep_a_size_that_does_not_fit_are_refused_after_the_first(root, monkeypatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 5000)
    with pytest.raises(DataError, match=r"pixels take .* GB of memory, .*`stream: true`"):
        load("folder", path=str(root))


def test_16_bits(tmp_path) -> None:
    data = load("folder", path=deep(tmp_path / "i", 65535), channels=1)
    for split in (data.train, data.validation, data.open_test()):
        assert set(values(split)) <= {round(k * 65535 // 30 / 257) for k in range(30)}
    assert len(set(values(data.train))) > 20
    assert data.notes[1] == "images of train and validation: 34 with more than 8 bits, scaled to 8"


def test_12_bits_in_16_are_pointed_out(tmp_path) -> None:
    root = deep(tmp_path / "i", 4095)
    data = load("folder", path=root, channels=1)
    assert max(values(data.train)) <= 16
    assert "nearly black: is `value_range: [0, 4095]` meant?" in data.notes[1]
    scaled = load("folder", path=root, channels=1, value_range=[0, 4095])
    assert max(values(scaled.train)) > 200
    assert scaled.preprocessing["value_range"] == [0, 4095]
    assert scaled.fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("value_range", "message"),
    [
        ([1, 1], "two different numbers"),
        ([0, float("nan")], "two different numbers"),
        ([1], "at least 2"),
        (7, "should be a list"),
    ],
)
def test_a_value_range_that_is_none(root, value_range, message) -> None:
    with pytest.raises(DataError, match=message):
        load("folder", path=str(root), value_range=value_range)


def test_other_formats_modes_and_sizes(root) -> None:
    file = root / "train/cat/cat03.png"
    Image.new("P", (12, 8)).save(file)
    picture(root / "train/cat/photo.JPG", 7, size=(30, 40), format="JPEG")
    with pytest.raises(DataError, match=r"pixels.*image_size"):
        load("folder", path=str(root))
    data = load("folder", path=str(root), image_size=6, channels=1)
    assert data.input_shape == (1, 6, 6)
    assert len(data.train) + len(data.validation) == 41


def test_the_centre_is_cut_out(tmp_path) -> None:
    for split, name in ((s, c) for s in ("train", "test") for c in "ab"):
        for i in range(4):
            array = np.zeros((10, 30, 3), dtype=np.uint8)
            array[:, 10:20] = 200
            path = tmp_path / f"i/{split}/{name}/{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    data = load("folder", path=tmp_path / "i", image_size=10, validation=0.5)
    assert (data.train.inputs == 200).all()


def test_attributes_by_path_and_by_name(root) -> None:
    by_path = write_csv(root, all_rows(root))
    data = load("folder", path=str(root), attributes=by_path, sensitive="sex", min_group=1)
    assert data.attributes == {"sex": ("f", "m")}
    # Files are listed test first: 10 of them, so parity goes on with the files of train.
    for split in (data.train, data.validation):
        assert split.groups["sex"].tolist() == [value % 100 % 2 for value in values(split)]
    by_name = write_csv(root, [row.rsplit("/", 1)[-1] for row in all_rows(root)])
    again = load("folder", path=str(root), attributes=by_name, sensitive="sex", min_group=1)
    assert again.fingerprint == data.fingerprint


def test_an_empty_cell_is_a_missing_group_and_an_absent_group_is_declared(root) -> None:
    rows = all_rows(root, sex=lambda i: ("", "f", "x", "f")[i % 4])
    data = load(
        "folder",
        path=str(root),
        attributes=write_csv(root, rows),
        sensitive="sex",
        groups={"sex": ["m", "f", "x"]},
        min_group=1,
    )
    assert data.attributes["sex"] == ("m", "f", "x")
    assert sorted(set(data.train.groups["sex"].tolist())) == [MISSING, 1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-3], r"3 of 50 images have no row \(train/dog/dog17\.png"),
        (lambda rows: [*rows, rows[0]], "row 51.*named twice"),
        (lambda rows: ["a.png,f,1", *rows[1:]], "1 of 50 images have no row"),
        (lambda rows: [",f,1", *rows[1:]], r"line 2 \(row 1\): the column 'file' is empty"),
    ],
)
def test_rows_that_do_not_fit_the_images(root, change, message) -> None:
    with pytest.raises(DataError, match=message):
        load("folder", path=str(root), attributes=write_csv(root, change(all_rows(root))), sensitive="sex")


def test_a_bare_name_of_two_images_is_ambiguous(root) -> None:
    picture(root / "train/dog/cat00.png", 5)
    rows = list(
        {row.split(",")[0]: row for row in (row.rsplit("/", 1)[-1] for row in all_rows(root))}.values()
    )
    with pytest.raises(DataError, match="could be any of 2"):
        load(
            "folder",
            path=str(root),
            attributes=write_csv(root, rows),
            sensitive="sex",
        )


def test_a_column_that_is_not_there(root) -> None:
    with pytest.raises(DataError, match="did you mean 'sex'"):
        load("folder", path=str(root), attributes=write_csv(root, all_rows(root)), sensitive="sexx")
    with pytest.raises(DataError, match="give its path as `attributes`"):
        load("folder", path=str(root), sensitive="sex")


def test_a_group_too_small_for_a_rate(root) -> None:
    rows = all_rows(root, sex=lambda i: "m" if i == 20 else "f")
    with pytest.raises(DataError, match=r"'m' \(0 of 1\)"):
        load("folder", path=str(root), attributes=write_csv(root, rows), sensitive="sex", min_group=2)


def test_quick_subsets(root) -> None:
    data = load("folder", path=str(root), n_train=6, n_validation=4, limit_per_class=10)
    assert (len(data.train), len(data.validation)) == (6, 4)
    assert torch.bincount(data.train.labels).tolist() == [3, 3]
    with pytest.raises(DataError, match="'n_train' asks for 100 images, but there are"):
        load("folder", path=str(root), n_train=100)


def test_folders_of_another_shape(root, tmp_path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load("folder", path=str(tmp_path / "nowhere"))
    picture(root / "test/dgo/x.png", 1)
    with pytest.raises(DataError, match=r"'dgo' is not in train; did you mean 'dog'"):
        load("folder", path=str(root))
    (root / "test").rename(root / "tests")
    with pytest.raises(DataError, match="no 'test'"):
        load("folder", path=str(root))
    (root / "train/empty").mkdir()
    (root / "tests").rename(root / "test")
    with pytest.raises(DataError, match="no image in it"):
        load("folder", path=str(root))


def test_a_changed_image_is_decoded_again(root) -> None:
    before = load("folder", path=str(root)).fingerprint
    assert load("folder", path=str(root)).fingerprint == before
    picture(root / "train/cat/cat00.png", 33, compress_level=0)
    assert load("folder", path=str(root)).fingerprint != before


def test_cifar10(shared_data) -> None:
    data = load("folder", path=str(shared_data / "cifar10"), limit_per_class=40)
    assert data.n_classes == 10
    assert data.input_shape == (3, 32, 32)
    assert data.majority == pytest.approx(0.1)
    assert len(data.train) + len(data.validation) == 400


def test_an_image_of_too_many_pixels_says_so(root) -> None:
    Image.new("1", (30_000, 30_000)).save(root / "train/cat/cat00.png")
    with pytest.raises(DataError, match="it has more pixels than Pillow reads safely"):
        load("folder", path=str(root), image_size=8)
