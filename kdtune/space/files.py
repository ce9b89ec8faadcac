"""Models that come from files of the user's own: which file, and how it was trained to be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from kdtune.errors import did_you_mean
from kdtune.space.choices import Strict


def _file_or_files(value: Any) -> Any:
    files = value.values() if isinstance(value, dict) else [] if value is None else [value]
    if not all(isinstance(file, str) for file in files):
        raise ValueError("neither a file, nor a file by architecture")
    return value


def _class_names(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, list) or any(not isinstance(name, str | int | float) for name in value):
        raise ValueError("not a list of class names")
    if any(isinstance(name, bool) for name in value):
        raise ValueError("YAML reads yes, no, true and false as no names: put them in quotes")
    return [str(name) for name in value]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Finite = Annotated[float, Field(allow_inf_nan=False)]


def _absolute(file: str) -> str:
    return str(Path(file).expanduser().absolute())


def _absolute_files(given: str | dict[str, str] | None) -> str | dict[str, str] | None:
    if isinstance(given, dict):
        return {name: _absolute(file) for name, file in given.items()}
    return None if given is None else _absolute(given)


class FromFile(Strict):
    """Models whose weights lie in files.

    Attributes:
        weights: a file for all, or a file by architecture.
        classes: what the outputs in the file mean, in their order; left out, they are in the order of the data.
        pretrained: models whose library has weights for them: all of the section, or those that are listed.
        check: stop where such a model does worse than it would by saying the most frequent class.
    """

    weights: Annotated[str | dict[str, str] | None, BeforeValidator(_file_or_files)] = None
    classes: Annotated[list[str] | None, BeforeValidator(_class_names)] = None
    pretrained: bool | list[str] = False
    check: bool = True

    @model_validator(mode="after")
    def _of_a_file(self) -> "FromFile":
        for name in ("classes", "normalisation"):
            files = (self.weights, getattr(self, "logits", None) if name == "classes" else None)
            if files == (None, None) and not self.pretrained and getattr(self, name, None) is not None:
                raise ValueError(f"{name} without weights: it says how those of a file are to be read")
        if self.pretrained is True and self.weights is not None:
            raise ValueError(
                "weights and pretrained: true: list the models that are meant, pretrained: [NAME, …]"
            )
        return self

    def file(self, architecture: str) -> str | None:
        """Return the file of an architecture, or None where it has none."""
        return self.weights.get(architecture) if isinstance(self.weights, dict) else self.weights

    def is_pretrained(self, architecture: str) -> bool:
        """Return whether an architecture begins with the weights that its library has for it."""
        return self.pretrained if isinstance(self.pretrained, bool) else architecture in self.pretrained

    def files(self) -> list[str]:
        """Return all files that are named."""
        if isinstance(self.weights, dict):
            return list(self.weights.values())
        return [] if self.weights is None else [self.weights]

    def with_absolute_paths(self) -> Self:
        """Return it with its files as absolute paths."""
        return self.model_copy(update={"weights": _absolute_files(self.weights)})

    def check_names(self, section: str, known: Sequence[str]) -> None:
        """Raise ValueError where weights are named for an architecture that is not in `known`, or twice for one."""
        listed = [] if isinstance(self.pretrained, bool) else self.pretrained
        for name in listed:
            if self.file(name) is not None:
                raise ValueError(
                    f"{section}: {name!r} has weights, and is listed as pretrained: leave one out"
                )
        for key, name in (
            *(("weights", name) for name in (self.weights if isinstance(self.weights, dict) else ())),
            *(("pretrained", name) for name in listed),
        ):
            if name not in known:
                raise ValueError(
                    f"{section}.{key}.{name}: no pair has this {section}{did_you_mean(name, known)} "
                    f"({section}s: {', '.join(dict.fromkeys(known))})"
                )


def _by_teacher(given: str | dict[str, str] | None, name: str) -> str | None:
    return given.get(name) if isinstance(given, dict) else given


class OwnNormalisation(Strict):
    """How a file's inputs were normalised, on the 0..1 scale: one number for all channels, or one each.

    Attributes:
        mean: subtracted.
        std: divided by.
    """

    mean: Annotated[list[Finite], BeforeValidator(_as_list, json_schema_input_type=float | list[float])]
    std: Annotated[
        list[Annotated[Finite, Field(gt=0)]],
        BeforeValidator(_as_list, json_schema_input_type=float | list[float]),
    ]

    @model_validator(mode="after")
    def _on_the_scale(self) -> "OwnNormalisation":
        if max(map(abs, self.mean), default=0) > 1:
            raise ValueError(
                f"a mean of {max(self.mean, key=abs):g} is not on the 0..1 scale: divide mean and std by 255 if they "
                "are those of pixels from 0 to 255"
            )
        return self


class TeacherSpec(FromFile):
    """Teachers: those from files, and what differs in the training of the others, as any setting of `train`.

    Attributes:
        normalisation: how the inputs of a file's model were normalised; left out, as the data are.
        finetune: a pretrained teacher gets a new classifier and is trained; otherwise it is taken as it is.
        logits: a .npy file [examples, classes] in place of a model, for all teachers or by teacher.
        order: a file with the id of an example for each row of `logits`.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    normalisation: OwnNormalisation | None = None
    finetune: bool = True
    logits: Annotated[str | dict[str, str] | None, BeforeValidator(_file_or_files)] = None
    order: Annotated[str | dict[str, str] | None, BeforeValidator(_file_or_files)] = None

    @model_validator(mode="after")
    def _of_logits(self) -> Self:
        if (self.logits is None) != (self.order is None):
            raise ValueError(
                "logits and order go together: order says which example each row of logits is about"
            )
        if isinstance(self.logits, str) and (self.weights is not None or self.pretrained):
            raise ValueError(
                "logits of all teachers, and weights of some: say which teacher each file is for"
            )
        if (
            isinstance(self.logits, dict)
            and isinstance(self.order, dict)
            and set(self.logits) != set(self.order)
        ):
            raise ValueError("logits and order are of different teachers")
        return self

    def logits_of(self, teacher: str) -> tuple[str, str] | None:
        """Return the file with a teacher's logits and the one with their order; None where it is a model."""
        logits, order = _by_teacher(self.logits, teacher), _by_teacher(self.order, teacher)
        return None if logits is None or order is None else (logits, order)

    def logits_files(self) -> list[str]:
        """Return all files with logits or their order."""
        given = (self.logits, self.order)
        return [
            file for item in given for file in (item.values() if isinstance(item, dict) else [item]) if file
        ]

    def with_absolute_paths(self) -> Self:
        """Return it with its files as absolute paths."""
        changed = {name: _absolute_files(getattr(self, name)) for name in ("logits", "order")}
        return super().with_absolute_paths().model_copy(update=changed)

    def check_names(self, section: str, known: Sequence[str]) -> None:
        """Raise ValueError where files are named for a teacher that is not in `known`, or twice for one."""
        super().check_names(section, known)
        for key, given in (("logits", self.logits), ("order", self.order)):
            for name in given if isinstance(given, dict) else ():
                if name not in known:
                    raise ValueError(
                        f"{section}.{key}.{name}: no pair has this {section}{did_you_mean(name, known)} "
                        f"({section}s: {', '.join(dict.fromkeys(known))})"
                    )
        for name in known:
            if self.logits_of(name) is not None and (self.file(name) is not None or self.is_pretrained(name)):
                raise ValueError(f"{section}: {name!r} has logits, and weights too: leave one out")

    @property
    def settings(self) -> dict[str, Any]:
        """What is set of the protocol."""
        return dict(self.model_extra or {})
