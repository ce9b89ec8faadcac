"""Sends what the user registered to workers, and lets the workers find the modules that it comes from."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kdtune.distill.losses.registry import Loss, losses
from kdtune.models import Builder, Inputs, inputs_of, models, register_model
from kdtune.models.families.find import adopted, know
from kdtune.models.families.library_model import LibraryModel
from kdtune.registry import Registry
from kdtune.runs.measures.measure import Measure
from kdtune.runs.measures.own import measures
from kdtune.user_code import module_folders, own_code


class _Folders:
    """Folders that are appended to a process's search path for modules when this object is unpickled."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.folders = folders
        sys.path.extend(folder for folder in folders if folder not in sys.path)

    def __reduce__(self) -> Any:
        return _Folders, (self.folders,)


@dataclass(frozen=True)
class UserCode:
    """What the user registered and a run needs, by name; `inputs` is what the models of the user's own take.

    Unpickling it first lets the process find the modules that this one finds, after its own. Ray itself would put the
    driver's folder before all others, so that a file called torch.py would become torch.
    """

    models: Mapping[str, Builder] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)
    losses: Mapping[str, Loss] = field(default_factory=dict)
    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    folders: _Folders = field(default_factory=lambda: _Folders(module_folders()))

    @classmethod
    def of(
        cls,
        architectures: Iterable[str],
        measure_names: Iterable[str] = (),
        loss_names: Iterable[str] = (),
    ) -> "UserCode":
        """Return what of these names is not part of kdtune: workers need to be given it.

        Args:
            measure_names: also with attribute and group, as in `mine@race`.

        A library's model may have been found in a folder that a worker does not see.

        Raises:
            InputError: something of it can't be sent to another process; the message says what.
        """
        names = list(architectures)
        own = _own(models, names)
        return cls(
            {**own, **adopted(n for n in names if n not in models)},
            _own(measures, (name.partition("@")[0] for name in measure_names)),
            _own(losses, loss_names),
            {name: inputs_of[name] for name in own if name in inputs_of},
        )

    def __reduce__(self) -> Any:
        # Unpickled in this order.
        return _unpickled, (self.folders, self.models, self.measures, self.losses, self.inputs)

    def register(self) -> None:
        """Make this process know all of it; a module that was imported on the way may have done so."""
        know({name: model for name, model in self.models.items() if isinstance(model, LibraryModel)})
        for name, builder in self.models.items():
            if name not in models and not isinstance(builder, LibraryModel):
                register_model(name, inputs=self.inputs.get(name, "any"))(builder)
        for name, measure in self.measures.items():
            if name not in measures:
                measures.register(name)(measure)
        for name, loss in self.losses.items():
            if name not in losses:
                losses.register(name)(loss)


def _unpickled(folders: _Folders, models: Any, measures: Any, losses: Any, inputs: Any) -> UserCode:
    return UserCode(models, measures, losses, inputs, folders)


def _own(registry: Registry[Any], names: Iterable[str]) -> dict[str, Any]:
    from ray import cloudpickle

    own = {name: registry.get(name) for name in names if registry.is_own(name)}
    for name, item in own.items():
        with own_code(
            f"{registry.kind} {name!r} can't be sent to the processes that train: it holds what can't be copied, such "
            "as a lock, an open file or a connection; let it make that when it is called"
        ):
            cloudpickle.dumps(item)
    return own
