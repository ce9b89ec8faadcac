"""An exported student, loaded again: its module, the preparation of raw input, and its measured values.

It needs torch, numpy, safetensors and pydantic; Pillow for pictures, pandas for a DataFrame. It needs nothing of the
sweep: no Ray, no Optuna, no teacher.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from os.path import expanduser, isdir, isfile
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kdtune.data.images.views import Views
from kdtune.distill.evaluation.forward import evaluation_batch, predict_logits
from kdtune.distill.weights.module import assembled
from kdtune.errors import DataError, InputError, RunError, UnknownNameError, expect
from kdtune.files import LARGEST_WEIGHTS, read_json, read_regular
from kdtune.models import build_fitting
from kdtune.models.families.library_model import LibraryModel
from kdtune.runs.shown import html_of
from kdtune.student.examples import Examples, Wanted, labelled, read_examples
from kdtune.student.form import config_fault, metrics_fault
from kdtune.student.raw_input import inputs_of
from kdtune.torch_defaults import torch_defaults

FORM = 1
"""Version of a bundle's format; newer ones are refused."""

KIND = "kdtune-student"

Precision = Literal["float32", "bfloat16", "float16"]

_BLOCK = 4096
"""Examples whose inputs are held at once."""

TOKENIZER = "tokenizer.json"
WEIGHTS, CONFIG, METRICS, CARD = "model.safetensors", "config.json", "metrics.json", "README.md"


class BundleError(RunError):
    """A folder is not an exported student, is damaged, or was written by a newer version."""


class Student:
    """An exported student.

    Attributes:
        module: in evaluation mode; maps prepared float32 [n, *input_shape] to logits [n, classes].
        config: content of `config.json`: architecture, classes, preprocessing, how it was trained.
        metrics: content of `metrics.json`: validation and test, by class and by group.
    """

    def __init__(self, module: nn.Module, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
        self.module = module.eval()
        self.config = config
        self.metrics = metrics

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return tuple(self.config["classes"])

    def to(self, device: torch.device | str) -> "Student":
        """Move the module and return self.

        Raises:
            InputError: there is no such device here.
        """
        expect("device", device, (str, torch.device), "a device such as 'cpu' or 'cuda'")
        try:
            self.module.to(device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise InputError(f"device {device}: can't be used here: {reason[0]}") from None
        return self

    @property
    def device(self) -> torch.device:
        """Where the module computes."""
        return next(self.module.parameters()).device

    def logits(self, x: Any, *, batch_size: int | None = None, precision: Precision = "float32") -> Tensor:
        """Return logits, float32 [n, classes] on the CPU.

        Args:
            x: images (PIL, paths of image files, or a list of them), arrays or tensors (uint8 [n, c, h, w] or
                [n, h, w, c]; float32 [n, features] for tables; int64 [n, length] for token ids), a DataFrame with the
                raw columns, the path of a table in the form of the training file, or texts.
            batch_size: most examples at once; default: as many as suit the device.
            precision: `bfloat16` and `float16` compute in half precision; weights stay float32.

        Raises:
            DataError: this student was not trained on such input, or a number is missing or infinite.
        """
        return self._answered(x, batch_size, precision)

    def _answered(self, x: Any, batch_size: int | None, precision: Precision) -> Tensor:
        """Return the logits, and warn of what is unlike the training data, where the public method was called."""
        with torch_defaults():
            inputs, notes = inputs_of(x, self.config["preprocessing"], self.config["input_shape"])
            for note in notes:
                warnings.warn(note, stacklevel=3)
            return self._logits(lambda start, stop: inputs[start:stop], len(inputs), batch_size, precision)

    def _logits(
        self, take: Callable[[int, int], Tensor], n: int, batch_size: int | None, precision: Precision
    ) -> Tensor:
        """Return the logits of `n` examples, whose inputs `take` returns from one position to another.

        They are read in blocks of whole batches, because all may not fit into memory, and because another division
        into batches may round otherwise.
        """
        if batch_size is not None:
            whole_number = isinstance(batch_size, Integral) and not isinstance(batch_size, bool)
            if not whole_number or batch_size < 1:
                raise InputError(f"batch_size must be a whole number above 0, not {batch_size!r}")
            batch_size = int(batch_size)
        if precision not in get_args(Precision):
            raise InputError(f"precision must be one of {', '.join(get_args(Precision))}, not {precision!r}")
        block, start = max(_BLOCK, batch_size or 0), 0
        logits: list[Tensor] = []
        while start < n or not logits:
            inputs = take(start, min(start + block, n))
            views = views_of(inputs, self.config).to(self.device)
            batch = batch_size or evaluation_batch(views)
            whole = len(inputs) if start + block >= n else max(batch, block // batch * batch)
            if whole < len(inputs):
                views = views_of(inputs[:whole], self.config).to(self.device)
            logits.append(predict_logits(self.module, views, precision=precision, batch=batch).cpu())
            start += max(whole, 1)
        found = torch.cat(logits)
        strange = (~torch.isfinite(found)).any(dim=1).nonzero()
        if len(strange):
            raise DataError(
                f"the student has no answer to example {int(strange[0, 0])}: its logits are no finite numbers in "
                f"{precision}: is the example far from those in training, or needs it precision='float32'?"
            )
        return found

    def probabilities(
        self, x: Any, *, batch_size: int | None = None, precision: Precision = "float32"
    ) -> NDArray[np.float32]:
        """Return the softmax of the logits, float32 [n, classes]; `x` and options as for `logits`."""
        return np.asarray(self._answered(x, batch_size, precision).softmax(dim=1).numpy())

    def predict(
        self, x: Any, *, batch_size: int | None = None, precision: Precision = "float32"
    ) -> NDArray[np.str_]:
        """Return the name of the most likely class for each example, [n]; `x` and options as for `logits`."""
        names = np.array(self.classes)
        return np.asarray(names[self._answered(x, batch_size, precision).argmax(dim=1).numpy()])

    def answers(
        self, examples: Examples, *, batch_size: int | None = None, precision: Precision = "float32"
    ) -> Tensor:
        """Return the logits of examples that were read from a file or a folder, float32 [n, classes] on the CPU."""
        with torch_defaults():
            return self._logits(examples.take, len(examples), batch_size, precision)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        groups: Mapping[str, Any] | None = None,
        *,
        label: str | None = None,
        column: str | None = None,
        attributes: str | Path | Sequence[str | Path] = (),
        without_groups: bool = False,
        batch_size: int | None = None,
        precision: Precision = "float32",
    ) -> dict[str, Any]:
        """Return what the student answers on labelled examples, in the form of `metrics["test"]`.

        Measures that need other models than this one (class bias) or another measurement (latency, individual fairness)
        are left out, and so are measures of the user's own that nobody has registered here. NaN is None.

        Args:
            x: as for `logits`; without `y`, a DataFrame, the path of a table, or an image folder `<class>/…`, whose
                labels and groups are read as those of the training data.
            y: n names of classes; or, where no class is called a number, their positions.
            groups: sensitive attribute -> n names of groups, None for unknown; others are not evaluated.
            label, column: of a table: columns of labels and texts, where their names are not those of training.
            attributes: of an image folder: the tables with the sensitive attributes.
            without_groups: of a file or folder: leave the groups out.
            batch_size, precision: as for `logits`.

        Raises:
            DataError: the examples do not fit the student; the message names the column, row, class or group.
        """
        for option, name in {"label": label, "column": column}.items():
            expect(option, name, (str, type(None)), "the name of a column")
        expect("attributes", attributes, (str, Path, list, tuple), "the path of a table, or a list of them,")
        of_source = {
            "label": label,
            "column": column,
            "attributes": attributes,
            "without_groups": without_groups,
        }
        if y is not None:
            # Nobody may think that they were heeded.
            for option in (option for option, value in of_source.items() if value):
                raise InputError(f"{option}: is for a file, a folder or a DataFrame without y: leave it out")
        elif groups is not None:
            raise InputError(
                "groups: go with y; without it, they are read as those of the training data were"
            )
        if groups is not None and not isinstance(groups, Mapping):
            raise InputError("groups: give a mapping: sensitive attribute -> the group of each example")
        with torch_defaults():
            if y is None:
                tables = (attributes,) if isinstance(attributes, str | Path) else tuple(attributes)
                wanted = Wanted(groups=not without_groups, label=label, column=column, attributes=tables)
                examples = read_examples(x, self.config, wanted)
            else:
                examples = labelled(x, y, groups, self.config)
        for note in examples.notes:
            warnings.warn(note, stacklevel=2)
        return self.judge(examples, batch_size=batch_size, precision=precision)

    def judge(
        self, examples: Examples, *, batch_size: int | None = None, precision: Precision = "float32"
    ) -> dict[str, Any]:
        """Return the same of examples that were read from a file or a folder."""
        from kdtune.student.evaluation import numbers_of

        logits = self.answers(examples, batch_size=batch_size, precision=precision)
        with torch_defaults():
            return numbers_of(self.module, self.config, self.metrics, examples, logits)

    def _repr_html_(self) -> str:
        return html_of("student", self)

    def __repr__(self) -> str:
        return (
            f"<Student {self.config['id']}: {self.config['architecture']}, classes {', '.join(self.classes)}>"
        )


def views_of(inputs: Tensor, config: Mapping[str, Any]) -> Views:
    """Return raw inputs (uint8 images or float32 tables) as the model reads them: normalised, not augmented."""
    normalisation = config.get("normalisation") or {}
    return Views(inputs, mean=normalisation.get("mean"), std=normalisation.get("std"))


def load_student(path: str | Path, *, device: torch.device | str = "cpu") -> Student:
    """Open a student that `kdtune export` wrote, ready on a device.

    Raises:
        BundleError: the folder is not an exported student, is damaged, was written by a newer kdtune, or has an
            architecture of your own that is not registered in this program.
    """
    expect("path", path, (str, Path), "the folder of an exported student")
    folder = Path(expanduser(path))
    config = read_config(folder)
    metrics = read_json(folder / METRICS)
    _refuse(folder / METRICS, metrics_fault(metrics))
    state = _weights(folder, config)
    try:
        module = build_fitting(partial(_module, config), state)
    except UnknownNameError as error:
        raise BundleError(
            f"{folder}: {error}; if it is your own, name the module that registers it (--import MODULE), or import it "
            "before load_student"
        ) from None
    except InputError as error:
        raise BundleError(f"{folder}: {error}") from None
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, AssertionError) as error:
        raise BundleError(f"{folder / CONFIG}: damaged ({error!r})") from None
    except RuntimeError as error:
        raise BundleError(
            f"{folder}: {WEIGHTS} does not fit {CONFIG} (architecture {config['architecture']!r}): "
            f"{_first_problem(error)}; export the student again"
        ) from None
    return Student(module, config, metrics).to(device)


def _module(config: Mapping[str, Any]) -> nn.Module:
    """Build the student's network; its weights are still to be loaded."""
    library, own = config.get("library"), config.get("own_input") or {}
    return assembled(
        config["architecture"] if library is None else LibraryModel.from_dict(library),
        input_shape=config["input_shape"],
        n_classes=len(config["classes"]),
        own_shape=own.get("shape"),
        renormalised=bool(own.get("renormalised")),
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return a student's `config.json`, checked for kind and version.

    Raises:
        BundleError: there is none, or this kdtune can't read its version.
    """
    if not isfile(
        folder / CONFIG
    ):  # unlike Path's, it takes a name that is too long for one that is not there
        places = (folder, folder / "export") if isdir(folder) else ()  # an export, or a run that has one
        found = [item.parent.relative_to(folder) for place in places for item in place.glob(f"*/{CONFIG}")]
        there = sorted(map(str, found))
        hint = f"; it holds the students {', '.join(there)}: name one of them" if there else ""
        raise BundleError(f"{folder}: no exported student here ({CONFIG} is missing){hint}")
    try:
        config = read_json(folder / CONFIG)
    except RunError as error:
        raise BundleError(str(error)) from None
    if config.get("kind") != KIND or not isinstance(config.get("form"), int):
        raise BundleError(f"{folder / CONFIG}: not the configuration of an exported student")
    if config["form"] > FORM:
        raise BundleError(
            f"{folder}: written by a newer kdtune (form {config['form']}, this one reads up to {FORM}): upgrade kdtune"
        )
    _read_tokenizer(folder, config)
    kinds = {
        "architecture": str,
        "input_shape": list,
        "classes": list,
        "preprocessing": dict,
        "weights": dict,
    }
    wrong = [key for key, kind in kinds.items() if not isinstance(config.get(key), kind)]
    if wrong:
        raise BundleError(f"{folder / CONFIG}: damaged (lacks {', '.join(wrong)})")
    _refuse(folder / CONFIG, config_fault(config))
    return config


def _refuse(path: Path, fault: str | None) -> None:
    if fault is not None:
        raise BundleError(f"{path}: damaged: {fault}; copy the whole folder again, or export again")


def _read_tokenizer(folder: Path, config: dict[str, Any]) -> None:
    """Put the content of a bundle's tokenizer in the place of its file's name."""
    preprocessing = config.get("preprocessing")
    if not isinstance(preprocessing, dict) or (wanted := preprocessing.get("tokenizer")) is None:
        return
    path = folder / TOKENIZER
    try:
        content = read_regular(path)
    except OSError as error:
        raise BundleError(f"{path}: not readable ({error.strerror})") from None
    if wanted != {"file": TOKENIZER, "sha256": digest(content)}:
        raise BundleError(
            f"{path}: not the tokenizer that {CONFIG} was written for (the SHA-256 differs): copy the whole folder "
            "again, or export again"
        )
    config["preprocessing"] = {**preprocessing, "tokenizer": content.decode("utf-8", "replace")}


def digest(content: bytes) -> str:
    """Return the SHA-256 (hex) of bytes."""
    return hashlib.sha256(content).hexdigest()


def _weights(folder: Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
    import safetensors
    import safetensors.torch

    path = folder / WEIGHTS
    try:
        content = read_regular(path, limit=LARGEST_WEIGHTS)
    except OSError as error:
        raise BundleError(f"{path}: not readable ({error.strerror})") from None
    weights = config["weights"]
    if not isinstance(weights, dict) or digest(content) != weights.get("sha256"):
        raise BundleError(
            f"{path}: not the weights that {CONFIG} was written for (the SHA-256 differs): they are damaged or "
            "belong to another student; copy the whole folder again, or export again"
        )
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise BundleError(f"{path}: damaged ({error})") from None


def _first_problem(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return lines[1] if len(lines) > 1 else lines[0]
