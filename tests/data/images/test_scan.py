"""What is read of a folder as splits and classes, and what is left out: said, or refused where it is not clear."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kdtune.data import load
from kdtune.data.images.folder_scan import scan
from kdtune.errors import DataError


def picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, dtype=np.uint8)).save(path)


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        picture(root / path)
    return root


def found(root: Path, splits: str = "auto") -> dict[str, dict[str, int]]:
    """Return split -> class -> number of images."""
    listings, _ = scan(root, splits)
    return {
        split: {name: listing.classes.count(name) for name in dict.fromkeys(listing.classes)}
        for split, listing in listings.items()
    }


def told(root: Path, splits: str = "auto") -> str:
    return "; ".join(scan(root, splits)[1])


FLAT = {"all": {"bus": 1, "car": 1, "train": 1}}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["bus/0.png", "car/0.png", "train/0.png"], FLAT),
        (["boat/0.png", "train/0.png"], {"all": {"boat": 1, "train": 1}}),
        (["boat/0.png", "Train/0.png"], {"all": {"Train": 1, "boat": 1}}),
        (["blood/0.png", "test/0.png", "swab/0.png"], {"all": {"blood": 1, "swab": 1, "test": 1}}),
        (["hill/0.png", "val/0.png"], {"all": {"hill": 1, "val": 1}}),
        (["match/0.png", "Training/0.png"], {"all": {"Training": 1, "match": 1}}),
        (
            ["bullet train/0.png", "bus/0.png", "train/0.png"],
            {"all": {"bullet train": 1, "bus": 1, "train": 1}},
        ),
        (["bus/2019/0.png", "train_station/2019/0.png"], {"all": {"bus": 1, "train_station": 1}}),
        (["test_tube/0.png", "flask/0.png"], {"all": {"flask": 1, "test_tube": 1}}),
        (["dev/0.png", "ops/0.png", "ops/more/1.png"], {"all": {"dev": 1, "ops": 2}}),
    ],
)
def test_a_class_called_like_a_split(
    tmp_path: Path, paths: list[str], expected: dict[str, dict[str, int]]
) -> None:
    assert found(tree(tmp_path, *paths)) == expected


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["bus/0.png", "train/2019/0.png"], "'train' but no 'test'.*splits: none"),
        (["train/0.png", "test/0.png"], "'test', 'train' are called like splits.*splits: none"),
        (["train/0.png", "test1/0.png"], "called like splits"),
        (["bus/0.png", "train/0.png", "val/0.png"], "called like splits"),
        (["training_set/0.png", "test_set/0.png", "more/0.png"], "called like splits"),
    ],
)
def test_what_is_not_clear_asks_for_splits_none(tmp_path: Path, paths: list[str], message: str) -> None:
    tree(tmp_path, *paths)
    with pytest.raises(DataError, match=message):
        scan(tmp_path)
    names = {path.split("/")[0] for path in paths}
    assert found(tmp_path, "none") == {"all": dict.fromkeys(sorted(names), 1)}


SPLITS = {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1, "dog": 1}}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Training", "Testing"),
        ("TRAIN", "Test"),
        ("training", "testing"),
        ("training_set", "test_set"),
        ("seg_train", "seg_test"),
        ("train_images", "images-test"),
    ],
)
@pytest.mark.parametrize("validation", [None, "val", "valid", "Validation", "dev"])
def test_names_of_splits(tmp_path: Path, train: str, test: str, validation: str | None) -> None:
    folders = [train, test, *([validation] if validation else [])]
    if "_" in train and validation:
        folders[2] = f"my_{validation}"
    tree(tmp_path, *(f"{folder}/{name}/0.png" for folder in folders for name in ("cat", "dog")))
    expected = SPLITS | ({"validation": SPLITS["test"]} if validation else {})
    assert found(tmp_path) == expected


def test_two_folders_for_one_split(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{split}/{name}/0.png" for split in ("train", "test", "val", "dev") for name in "ab"))
    with pytest.raises(DataError, match="'dev', 'val' could each be validation"):
        scan(tmp_path)


def test_splits_that_hold_no_class_folders(tmp_path: Path) -> None:
    tree(tmp_path, "train/cat/0.png", "train/dog/0.png", "test/0.png", "test/1.png")
    with pytest.raises(DataError, match=r"test: there are no class folders in it \(but 2 images"):
        scan(tmp_path)


@pytest.mark.parametrize("names", [["caf\u00e9", "cafe\u0301"], ["cat", "cat "]])
def test_classes_of_one_name(tmp_path: Path, names: list[str]) -> None:
    tree(tmp_path, *(f"{name}/0.png" for name in names))
    with pytest.raises(DataError, match="differ only in blanks or in how Unicode"):
        scan(tmp_path)


def test_a_class_in_two_spellings_of_unicode_is_one(tmp_path: Path) -> None:
    tree(tmp_path, "train/caf\u00e9/0.png", "train/bar/0.png", "test/cafe\u0301/0.png", "test/bar/0.png")
    assert found(tmp_path)["test"] == {"bar": 1, "caf\u00e9": 1}


@pytest.mark.parametrize(
    "suffix", [".png", ".webp", ".bmp", ".tif", ".TIFF", ".gif", ".jfif", ".PPM", ".Jpg", ""]
)
def test_every_format_at_every_depth(tmp_path: Path, suffix: str) -> None:
    for name in ("cat", "dog"):
        for path in (f"{name}/0", f"{name}/more/1", f"{name}/more/still/2"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            kind = {".jpg": "JPEG", ".jfif": "JPEG", ".tif": "TIFF", "": "PNG"}.get(
                suffix.lower(), suffix[1:]
            )
            Image.new("RGB", (8, 8)).save(tmp_path / f"{path}{suffix}", format=kind)
    assert found(tmp_path) == {"all": {"cat": 3, "dog": 3}}
    kind = suffix.lower() or "without a suffix"
    assert told(tmp_path) == f"images: 6 {kind} (4 of them in folders below their class folder)"


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    tree(tmp_path, "cat/0.png", "dog/0.png", "cover.png")
    for path in (
        *(
            "__MACOSX/cat/._0.png",
            "__MACOSX/cat/._1.png",
            ".DS_Store",
            "cat/.DS_Store",
            "cat/._0.png",
            "dog/Thumbs.db",
        ),
        *("dog/Desktop.ini", "cat/.ipynb_checkpoints/0-checkpoint.png"),
        *("cat/notes.txt", "cat/7.heic", "dog/8.HEIC", "README.md", "labels.csv", "dog/readme"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"nothing")
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    assert found(tmp_path) == {"all": {"cat": 1, "dog": 1}}
    assert told(tmp_path) == (
        "images: 2 .png; left out: 2 .DS_Store, 1 ._*, 2 .heic, 1 .txt, 1 Desktop.ini, 1 Thumbs.db, "
        "1 in .ipynb_checkpoints, 2 in __MACOSX, 1 no regular file, 1 without a suffix, 1 image in no folder"
    )


def test_folders_beside_the_splits_are_left_out_and_said(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{split}/{name}/0.png" for split in ("train", "test") for name in ("cat", "dog")))
    tree(tmp_path, "unlabelled/0.png", "unlabelled/more/1.png", "train/0.png")
    assert found(tmp_path) == SPLITS
    assert told(tmp_path) == "images: 4 .png; left out: 1 image in 'train', 2 images in 'unlabelled'"


def test_the_line_is_with_the_data_set_and_its_description(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{name}/{k}.png" for name in ("bus/more", "train") for k in range(12)))
    (tmp_path / "bus" / "x.txt").write_text("x")
    data = load("folder", path=tmp_path)
    assert data.notes == (
        "images: 24 .png (12 of them in folders below their class folder); 'train' read as a class",
        "left out: 1 .txt",
        "16 of 17 training examples repeat another",
        "all pixels of all training images are 0: were they read, or converted, on another scale?",
    )
    assert data.describe()["notes"] == list(data.notes)


def test_a_class_folder_without_an_image_says_what_it_holds(tmp_path: Path) -> None:
    tree(tmp_path, "cat/0.png")
    (tmp_path / "dog" / "more").mkdir(parents=True)
    with pytest.raises(DataError, match="dog: there is no image in it: it is empty"):
        scan(tmp_path)
    for k in range(3):
        (tmp_path / "dog" / f"{k}.heic").write_text("x")
    with pytest.raises(DataError, match=r"dog: there is no image in it: it holds 3 \.heic"):
        scan(tmp_path)


def test_the_data_set_is_one_folder_below(tmp_path: Path) -> None:
    tree(tmp_path, "archive/cat/0.png", "archive/dog/0.png", "__MACOSX/cat/._0.png")
    with pytest.raises(
        DataError, match=r"'archive' is the only folder; .*is `path` meant to be .*/archive\?"
    ):
        scan(tmp_path)


def test_links(tmp_path: Path) -> None:
    """A link to an image is read, a dangling one is an image that can't be, and one to a folder above ends."""
    root = tree(tmp_path / "i", *(f"{name}/{k}.png" for name in "ab" for k in range(12)))
    picture(tmp_path / "elsewhere.png")
    (root / "a" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (root / "b" / "loop").symlink_to(root)
    assert found(root) == {"all": {"a": 13, "b": 12}}
    (root / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match=r"gone\.png: does not decode: it can't be read \(No such file"):
        load("folder", path=root, test=0.05, validation=0.5)


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{name}/{k}.png" for name in "ab" for k in range(12)))
    os.rename(tmp_path / "a" / "3.png", os.fsencode(tmp_path / "a") + b"/\xe9.png")
    assert len(load("folder", path=tmp_path).train) > 10
    os.rename(tmp_path / "b", os.fsencode(tmp_path) + b"/\xe9")
    with pytest.raises(DataError, match=r"the name of the folder \\udce9 is not UTF-8"):
        scan(tmp_path)


def test_a_folder_that_can_t_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a/0.png", "b/0.png")
    listed = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"/b: can't be listed: Permission denied"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("trainset", "testset"),
        ("train_images", "test_images"),
        ("TrainData", "TestData"),
        ("trainingset", "testingset"),
    ],
)
def test_other_names_of_splits(train: str, test: str, tmp_path: Path) -> None:
    tree(tmp_path, *(f"{part}/{name}/{k}.png" for part in (train, test) for name in "ab" for k in range(3)))
    assert found(tmp_path) == {"train": {"a": 3, "b": 3}, "test": {"a": 3, "b": 3}}


def test_the_same_folders_in_every_class_folder_are_pointed_out(tmp_path: Path) -> None:
    tree(
        tmp_path,
        *(f"{where}/{name}/{k}.png" for where in ("here", "there") for name in "ab" for k in range(3)),
    )
    listings, notes = scan(tmp_path)
    assert set(listings["all"].classes) == {"here", "there"}
    assert "each class folder holds folders called 'a', 'b': are these the classes?" in notes[0]
    tree(tmp_path, "there/c/0.png")
    assert "are these the classes?" not in scan(tmp_path)[1][0]


def test_classes_that_look_alike_and_those_that_test_lacks_are_said(tmp_path: Path) -> None:
    tree(tmp_path / "flat", "Cat/0.png", "cat/0.png", "dog/0.png", "c\u0430t/0.png")
    said = "'Cat' and 'cat', 'Cat' and 'c\u0430t' (U+0430) in the folder are different names here"
    assert said in told(tmp_path / "flat")
    tree(tmp_path / "cut", "train/cat/0.png", "train/dog/0.png", "test/cat/0.png")
    assert told(tmp_path / "cut") == "images: 3 .png; test has no image of 'dog'"
