"""Data sets whose images are few and small enough for one array: the steps after reading."""

from collections.abc import Callable

from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.ids import row_ids
from kdtune.data.preparation import image_preparation
from kdtune.data.split import Sizes, cut_training


def dataset_of_arrays(
    name: str,
    images: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    *,
    sizes: Sizes,
    augmentation: Augmentation,
    open_test: Callable[[], Split],
) -> Dataset:
    """Return a data set without groups from its training images, uint8 [n, c, h, w], and labels int64 [n].

    Raises:
        DataError: more is asked for than there is, or a class has no example.
    """
    kept, held_out = cut_training(name, labels, None, sizes)
    train, validation = (
        Split(images[rows], labels[rows], ids=row_ids(rows, "train")) for rows in (kept, held_out)
    )
    require_classes(name, classes, train=train.labels, validation=validation.labels)
    normalisation = Normalisation.of(train.inputs)
    return Dataset(
        name=name,
        classes=classes,
        attributes={},
        train=train,
        validation=validation,
        normalisation=normalisation,
        augmentation=augmentation,
        preprocessing=image_preparation(train.inputs, normalisation),
        fingerprint=fingerprint(train, validation, classes, {}),
        open_test=open_test,
    )
