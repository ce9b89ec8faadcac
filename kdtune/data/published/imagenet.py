"""ImageNet-1k and Tiny ImageNet as published. Their test labels are not public, so the published validation is test."""

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Dataset, Normalisation
from kdtune.data.images.folder_scan import list_classes
from kdtune.data.images.image_files import ImageFiles, image_dataset
from kdtune.data.images.pixels import Decoding
from kdtune.data.options import Count, Seed, Share
from kdtune.data.published.downloads import missing
from kdtune.data.published.wordnet import class_words
from kdtune.data.registry import register_dataset
from kdtune.data.split import Sizes, cut_training
from kdtune.errors import DataError
from kdtune.files import read_text

CUSTOMARY = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What published ImageNet weights expect. It is used for all images, so that a pretrained teacher fits."""


@register_dataset("imagenet")
def load_imagenet(
    *,
    path: str | Path,
    image_size: Annotated[int, Field(ge=8)] = 224,
    stream: bool = True,
    validation: Share = 0.04,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0)] | None = None,
    flip: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Read ImageNet-1k from `train/<wnid>/*.JPEG` and `val/<wnid>/*.JPEG`, as torchvision unpacks it.

    Images are decoded once to `image_size`, into files in the cache that are read as needed: 193 GB at 224 pixels,
    16 GB at 64. Crops are padded; published ResNets were trained with random resized crops. Classes are in the order
    of their wnids. `words.txt` or Kaggle's `LOC_synset_mapping.txt` gives them names, if it is there.

    Args:
        path: the folder with `train` and `val`.
        image_size: scale the shorter side to this many pixels and cut out the centre.
        stream: keep the decoded images in files; `false` keeps them in memory.
        validation: the share of train that is validation; the published validation images are the test split.
        n_train: use only this many images, stratified.
        n_validation: use only this many images, stratified.
        limit_per_class: use at most this many training images of each class, before validation is cut off.
        crop: padding in pixels for random crops; default: 4 up to 64 pixels, a sixteenth of the side above.
        flip: mirror images at random.
        seed: the same seed cuts the same validation.

    Raises:
        DataError: a folder or an image is missing or damaged; the message names it.
    """
    root = Path(path).expanduser()
    source = "ImageNet-1k (ILSVRC2012), unpacked as train/<wnid>/*.JPEG and val/<wnid>/*.JPEG"
    for name in ("train", "val"):
        if not (root / name).is_dir():
            raise missing(root / name, source, download=False)
    train, test = list_classes(root, "train/"), list_classes(root, "val/")
    classes = tuple(sorted(set(train.classes)))
    if strangers := sorted(set(test.classes) ^ set(classes)):
        raise DataError(
            f"{root}: {len(strangers)} class folders are not in both train and val ({', '.join(strangers[:3])}): "
            "unpack both again"
        )
    number = {name: k for k, name in enumerate(classes)}
    parts = {
        split: ImageFiles(root, listing.files, torch.tensor([number[name] for name in listing.classes]), {})
        for split, listing in {"train": train, "test": test}.items()
    }
    _cut_validation(parts, Sizes(validation, n_train, n_validation, limit_per_class, seed + 1), classes)
    return image_dataset(
        "imagenet",
        class_words(root, classes),
        {},
        parts,
        Decoding(image_size, channels=3),
        crop=crop,
        flip=flip,
        stream=stream,
        normalisation=CUSTOMARY,
    )


@register_dataset("tinyimagenet")
def load_tinyimagenet(
    *,
    path: str | Path,
    image_size: Annotated[int, Field(ge=8)] | None = None,
    stream: bool = False,
    validation: Share = 0.1,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0)] | None = None,
    flip: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Read Tiny ImageNet as published: `train/<wnid>/images`, and `val/images` with `val/val_annotations.txt`.

    Classes are in the order of their wnids. The name of each is its first word in `words.txt`, if that file is there.

    Args:
        path: the folder `tiny-imagenet-200`, or the one that holds it.
        image_size: scale to this many pixels; default: keep their 64.
        stream: keep the decoded images in files; by default they are kept in memory (1.2 GB).
        validation: the share of train that is validation; the published validation images are the test split.
        n_train: use only this many images, stratified.
        n_validation: use only this many images, stratified.
        limit_per_class: use at most this many training images of each class, before validation is cut off.
        crop: padding in pixels for random crops; default: 4 up to 64 pixels, a sixteenth of the side above.
        flip: mirror images at random.
        seed: the same seed cuts the same validation.

    Raises:
        DataError: a file is missing or damaged, or annotations and images do not match; the message names it.
    """
    root = Path(path).expanduser()
    root = root if (root / "train").is_dir() else root / "tiny-imagenet-200"
    source = "the content of tiny-imagenet-200.zip (cs231n.stanford.edu/tiny-imagenet-200.zip)"
    if not (root / "train").is_dir():
        raise missing(root / "train", source, download=False)
    train = list_classes(root, "train/")
    classes = tuple(sorted(set(train.classes)))
    number = {name: k for k, name in enumerate(classes)}
    files, wnids = _annotated(root / "val", number, source)
    parts = {
        "train": ImageFiles(root, train.files, torch.tensor([number[name] for name in train.classes]), {}),
        "test": ImageFiles(root, files, torch.tensor([number[name] for name in wnids]), {}),
    }
    _cut_validation(parts, Sizes(validation, n_train, n_validation, limit_per_class, seed + 1), classes)
    return image_dataset(
        "tinyimagenet",
        class_words(root, classes),
        {},
        parts,
        Decoding(image_size, channels=3),
        crop=crop,
        flip=flip,
        stream=stream,
    )


def _cut_validation(parts: dict[str, ImageFiles], sizes: Sizes, classes: tuple[str, ...]) -> None:
    everything = parts["train"]
    source = str(everything.root)
    rows = cut_training(source, everything.labels, None, sizes)
    parts["train"], parts["validation"] = (everything.take(part) for part in rows)
    require_classes(source, classes, train=parts["train"].labels, validation=parts["validation"].labels)


def _annotated(folder: Path, known: dict[str, int], source: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the files and classes in `val_annotations.txt`; each line holds a file, its class and a box."""
    path = folder / "val_annotations.txt"
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        raise missing(path, source, download=False) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({type(error).__name__}): copy it again") from None
    images = folder / "images"
    there = {item.name for item in images.iterdir()} if images.is_dir() else set()
    files, wnids = [], []
    for number, line in enumerate(lines, start=1):
        cells = line.split()
        if len(cells) < 2 or cells[1] not in known:
            raise DataError(f"{path}, line {number}: is not a file and a class of train: copy it again")
        if cells[0] not in there:
            raise DataError(f"{path}, line {number}: there is no image {images / cells[0]}: unpack it again")
        files.append(f"val/images/{cells[0]}")
        wnids.append(cells[1])
    listed = {file.rsplit("/", 1)[1] for file in files}
    if len(listed) != len(files) or not files:
        raise DataError(f"{path}: names {len(files)} images, {len(listed)} different ones: copy it again")
    if unlisted := sorted(there - listed):
        raise DataError(
            f"{path}: {len(unlisted)} of {len(there)} images have no line ({unlisted[0]}): the file is cut short, "
            "or of another release; copy it again"
        )
    return tuple(files), wnids
