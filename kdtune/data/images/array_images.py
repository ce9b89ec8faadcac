"""The last steps of data sets whose images are few and small enough for one array: cut, limit, wrap up."""

from collections.abc import Callable

from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.preparation import image_preparation
from kdtune.data.seeds import derive_seed
from kdtune.data.split import Sizes, at_most_per_class, stratified_cut
from kdtune.errors import DataError


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
    if sizes.limit_per_class is not None:
        rows = at_most_per_class(
            labels, None, sizes.limit_per_class, derive_seed(sizes.seed, "limit_per_class")
        )
        images, labels = images[rows], labels[rows]
    n = len(labels)
    if sizes.n_validation is not None and sizes.n_validation >= n:
        raise DataError(f"{name}: 'n_validation' asks for {sizes.n_validation} of {n} training images")
    kept, held_out = stratified_cut(labels, None, sizes.n_validation or sizes.validation, sizes.seed)
    if sizes.n_train is not None:
        if sizes.n_train > len(kept):
            raise DataError(f"{name}: 'n_train' asks for {sizes.n_train} images, {len(kept)} are left for it")
        kept = kept[stratified_cut(labels[kept], None, sizes.n_train, sizes.seed + 1)[1]]
    train, validation = (Split(images[rows], labels[rows]) for rows in (kept, held_out))
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
