"""Teachers from logits in files: what the space asks for, matched with the data, and checked before anything runs."""

from collections.abc import Callable

import numpy as np

from kdtune.data.dataset import Dataset
from kdtune.distill.losses.registry import find_loss
from kdtune.distill.teachers.logits import KnownLogits, known_logits
from kdtune.distill.teachers.logits_file import LogitsFile
from kdtune.errors import InputError, SpaceError
from kdtune.space.losses import losses_of
from kdtune.space.reading import Space
from kdtune.sweep.from_files import class_order
from kdtune.text import counted


def logits_of(space: Space, teacher: str, dataset: Dataset) -> LogitsFile | None:
    """Return the files that hold what a teacher says; None where it is a model.

    Raises:
        InputError: there is no such file, or the data have other classes.
    """
    files = space.teacher.logits_of(teacher)
    if files is None:
        return None
    names = space.teacher.classes
    return LogitsFile.of(*files, None if names is None else class_order("teacher", names, dataset.classes))


def matched(file: LogitsFile, dataset: Dataset) -> KnownLogits:
    """Return the logits of the examples of train and validation, in their order.

    Raises:
        InputError: they are not about these data.
    """
    return known_logits(file, dataset.n_classes, dataset.train.ids, dataset.validation.ids)


def check_losses_of_logits(space: Space) -> None:
    """Refuse to learn features from a teacher of which only logits are known.

    Raises:
        SpaceError: naming the pair and the loss.
    """
    for pair in space.pairs:
        if space.teacher.logits_of(pair.teacher) is None:
            continue
        for name in losses_of(space.search_of(pair)):
            if find_loss(name).takes & {"teacher_features", "hints"}:
                raise SpaceError(
                    f"search.loss: {name!r} takes the teacher's features, and of {pair.teacher!r} only logits are "
                    f"known: leave it out for {pair.pair}"
                )


def check_logits(
    space: Space, teacher: str, file: LogitsFile, dataset: Dataset, say: Callable[[str], None]
) -> None:
    """Match a teacher's logits with the data, and say how many validation examples it gets right.

    Raises:
        InputError: they are not about these data, or no more are right than by saying the most frequent class.
    """
    known, labels = matched(file, dataset), dataset.validation.labels.numpy()
    answers = known.validation.argmax(dim=1).numpy()
    accuracy = float((answers == labels).mean())
    what = f"teacher {teacher} ({file.path})"
    others = (
        f", and {counted(len(known.other_ids), 'row')} about none of train and validation"
        if known.other_ids
        else ""
    )
    say(f"{what}: accuracy {accuracy:.3f} on {len(labels):,} validation examples{others}")
    augmented = space.train_config().augment and (dataset.augmentation.crop or dataset.augmentation.flip)
    if augmented:
        say(
            f"{what}: its logits are of whole images, and students see crops of them: --set train.augment=false shows "
            "them what it saw"
        )
    most = int(np.bincount(labels).max()) / len(labels)
    if space.teacher.check and accuracy <= most:
        raise InputError(
            f"{what}: accuracy {accuracy:.3f} of {dataset.n_classes} classes: are its columns, or its rows, in "
            f"another order? Saying the most frequent class alone gives {most:.3f}. teacher.classes says what its "
            "columns mean, teacher.order which example each row is about; --set teacher.check=false goes on all the "
            "same"
        )
