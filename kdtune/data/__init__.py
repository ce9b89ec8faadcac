"""Data sets as in-memory tensors with labels, groups and three splits; one file per source."""

from kdtune.data.dataset import (
    MISSING,
    Augmentation,
    Dataset,
    Normalisation,
    Split,
    fingerprint,
    group_sizes,
)
from kdtune.data.examples import text as _text  # noqa: F401
from kdtune.data.examples.arrays import from_arrays
from kdtune.data.examples.arrow.loading import from_hf
from kdtune.data.examples.frames import from_dataframe
from kdtune.data.examples.saved import save
from kdtune.data.examples.torch_items import from_torch
from kdtune.data.images import folder as _folder  # noqa: F401
from kdtune.data.published import celeba as _celeba  # noqa: F401
from kdtune.data.published import cifar as _cifar  # noqa: F401
from kdtune.data.published import hatexplain as _hatexplain  # noqa: F401
from kdtune.data.published import imagenet as _imagenet  # noqa: F401
from kdtune.data.published import svhn as _svhn  # noqa: F401
from kdtune.data.registry import check_options, datasets, load, names, register_dataset
from kdtune.data.split import stratified_cut
from kdtune.data.tables import table as _table  # noqa: F401
from kdtune.data.trifeature import generator as _trifeature  # noqa: F401
from kdtune.files import cache_dir

__all__ = [
    "MISSING",
    "Augmentation",
    "Dataset",
    "Normalisation",
    "Split",
    "cache_dir",
    "check_options",
    "datasets",
    "fingerprint",
    "from_arrays",
    "from_dataframe",
    "from_hf",
    "from_torch",
    "group_sizes",
    "load",
    "names",
    "register_dataset",
    "save",
    "stratified_cut",
]
