"""Sends models that the user registered to workers, and lets the workers find the modules that these come from."""

import sys
from collections.abc import Iterable
from typing import Any

from torch import nn

from kdtune.models import Builder, models
from kdtune.models.families.find import adopted
from kdtune.user_code import added_folders


class _Folders:
    """Folders that are appended to a process's search path for modules when this object is unpickled."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.folders = folders
        sys.path.extend(folder for folder in folders if folder not in sys.path)

    def __reduce__(self) -> Any:
        return _Folders, (self.folders,)


class CarriedBuilder:
    """A builder whose unpickling first lets the process find the modules of `--import`.

    Ray itself would put the driver's folder before all others, so that a file called torch.py would become torch.
    """

    def __init__(self, folders: _Folders, builder: Builder) -> None:
        self._folders = folders
        self._builder = builder

    def __call__(self, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """Build the model."""
        return self._builder(input_shape, n_classes)

    def __reduce__(self) -> Any:
        return CarriedBuilder, (self._folders, self._builder)  # unpickled in this order


def user_builders(names: Iterable[str]) -> dict[str, Builder]:
    """Return the builders of those models that are not part of kdtune: workers need to be given them.

    A library's model may have been found in a folder that a worker does not see.
    """
    names = list(names)
    found = {name: models.get(name) for name in names if name in models}
    folders = _Folders(added_folders())
    carried: dict[str, Builder] = {
        name: CarriedBuilder(folders, builder)
        for name, builder in found.items()
        if not (getattr(builder, "__module__", "") or "").startswith("kdtune.")
    }
    return {**carried, **adopted(name for name in names if name not in found)}
