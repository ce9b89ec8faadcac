"""`kdtune export`: from the front of a run to students that can be loaded, each with what it is worth, and to whom."""

import importlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch

from kdtune.data.dataset import Dataset
from kdtune.errors import InputError, RunError
from kdtune.report.bundle import Provenance, verify_bundle, write_bundle
from kdtune.report.by_group import by_group
from kdtune.report.console import narrate
from kdtune.report.evaluation import (
    Evaluated,
    SplitData,
    check_recorded,
    evaluate,
    load_data,
    open_test,
    validation_of,
)
from kdtune.report.findings import Findings, ModelFindings, conclude
from kdtune.report.numbers import split_numbers
from kdtune.report.pick import Choice, pick
from kdtune.report.student import FORM, digest
from kdtune.report.tables import write_tables
from kdtune.report.trained import Trained, load_trained
from kdtune.runs.files import baseline_id, write_bytes
from kdtune.runs.measures import References
from kdtune.runs.reader import Run, objective_values, open_run
from kdtune.runs.records import ALL
from kdtune.runs.state import ModelState

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Request:
    """What to export.

    Attributes:
        run: name or path; None for the newest.
        out: folder to write, absent or empty; None for `export` in the run.
        pick: which members get a folder (see `kdtune.report.pick`); all of them where it is empty.
        replicates: how many further seeds the front and its baselines are trained with.
        address: of a running Ray cluster (host:port), for the replicates.
        imports: modules that register the user's data sets and models.
        torch_export, onnx: write these forms of each student too.
    """

    run: str | Path | None = None
    runs_dir: Path | None = None
    out: Path | None = None
    pick: Sequence[str] = ()
    replicates: int = 0
    address: str | None = None
    imports: Sequence[str] = ()
    torch_export: bool = False
    onnx: bool = False


_Loaded = tuple[Trained, Mapping[str, float]]
"""A model with its measures as the search recorded them."""


@dataclass
class _Model:
    """A model on its way through the export."""

    trained: Trained
    searched: Mapping[str, float]
    module: torch.nn.Module
    moved: int
    on: dict[str, tuple[SplitData, Evaluated]] = field(default_factory=dict)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)


def run_export(request: Request) -> tuple[Path, Findings]:
    """Export a run's front, and return the folder and what was found.

    Nothing is seen under the folder's name before all of it is there and was loaded again.

    Raises:
        InputError: the run, the folder or a pick can't be used as it is; nothing was written.
        ExportError: what was written does not give what was measured; nothing was kept.
    """
    for name in request.imports:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise InputError(f"--import {name}: {error}") from None
    run = open_run(request.run, runs_dir=request.runs_dir)
    out = checked_out(request.out or run.files.export)
    front = front_states(run)
    picked = pick(choices(front), run.objectives, request.pick)
    narrate(f"data: {run.record.dataset['name']}")
    dataset = load_data(run)
    validation = validation_of(dataset)
    members, notes = _members(run, front, picked, required=bool(request.pick))
    models = _checked(run, members, validation)
    models += _checked(run, _baselines(run, members), validation)
    test = open_test(dataset)
    for split in (validation, test):
        narrate(f"{split.name}: {len(models)} models on {len(split):,} examples")
        _measure(models, split, run)
    findings = _conclude(run, models, picked, notes)
    with written_aside(out) as folder:
        _write(folder, run, dataset, models, findings)
    return out, findings


def front_states(run: Run) -> list[ModelState]:
    """Return the members of a run's front now, best in the first objective first.

    Raises:
        RunError: there is none; the message says why.
    """
    state = run.state()
    done, on_front = run.front_of(state)
    members = [trial for trial, on in zip(done, on_front, strict=True) if on]
    if members:
        first = run.objectives[0]
        return sorted(members, key=lambda trial: first.measure.badness(trial.values[first.name]))
    if not done:
        running = sum(trial.state == "running" for trial in state.trials.values())
        if running:
            raise RunError(f"{run.path}: no trial is done yet ({running} at work): wait for the first")
        raise RunError(f"{run.path}: no trial is done: go on with 'kdtune search --resume {run.name}'")
    undefined = np.isnan(objective_values(done, run.record.objectives)).any(axis=1)
    reasons = []
    if undefined.any():
        reasons.append(f"{int(undefined.sum())} have an undefined objective")
    for constraint in run.record.constraints:
        values = [trial.values.get(constraint.name, float("nan")) for trial in done]
        failing = sum(constraint.violation(value) > 0 for value in values)
        if failing:
            best = min(values, key=constraint.violation)
            reasons.append(f"{failing} break {constraint} (the nearest has {best:.4f})")
    raise RunError(
        f"{run.path}: none of the {len(done)} trials done is feasible: {'; '.join(reasons)}: "
        "search longer, or with a weaker bound under 'constraints'"
    )


def choices(front: Sequence[ModelState]) -> list[Choice]:
    """Return front members as picks see them: by what the search measured."""
    return [Choice(trial.id, trial.values) for trial in front]


def checked_out(out: Path) -> Path:
    """Return the folder to write, if it is free.

    Raises:
        InputError: there is something in its place.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: name a folder with --out")
    if out.is_dir() and any(out.iterdir()):
        raise InputError(
            f"{out}: is not empty, and nothing is overwritten: move it away, or name another folder: --out DIR"
        )
    return out


@contextmanager
def written_aside(out: Path) -> Iterator[Path]:
    """Give a folder to write into that takes the name `out` when the block ends well, and vanishes when it doesn't."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-incomplete-"))
    try:
        yield aside
        aside.chmod(0o755)
        checked_out(out)
        aside.rename(out)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise InputError(f"{out}: can't be written ({error.strerror or error})") from None
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _members(
    run: Run, front: Sequence[ModelState], picked: Sequence[str], *, required: bool
) -> tuple[list[_Loaded], list[str]]:
    """Read the front's members back; one that can't be read is left out where a pick leaves it out."""
    members: list[_Loaded] = []
    notes = []
    for trial in front:
        try:
            members.append((load_trained(run, trial.id), trial.values))
        except RunError as error:
            if trial.id in picked or not required:
                raise
            notes.append(f"{trial.id} is on the front and is left out: {error}")
            narrate(notes[-1])
    return members, notes


def _baselines(run: Run, members: Sequence[_Loaded]) -> list[_Loaded]:
    """Read back the teachers of the members, and the same architectures trained without one."""
    teachers = dict.fromkeys(baseline_id("teacher", str(trained.config["teacher"])) for trained, _ in members)
    students = dict.fromkeys(baseline_id("nds", trained.architecture) for trained, _ in members)
    state = run.state()
    return [(load_trained(run, name), state.baselines[name].values) for name in (*teachers, *students)]


def _checked(run: Run, loaded: Sequence[_Loaded], validation: SplitData) -> list[_Model]:
    models = []
    for trained, values in loaded:
        module = trained.module(run)
        models.append(_Model(trained, values, module, check_recorded(trained, module, validation)))
    return models


def _measure(models: Sequence[_Model], split: SplitData, run: Run) -> None:
    """Evaluate models on a split, each student against its own teacher and its own architecture without one."""
    for model in models:
        model.on[split.name] = (split, evaluate(model.module, split, model.trained.recorded))
    final = {model.trained.id: model.on[split.name][1].report.counts[ALL] for model in models}
    for model in models:
        trained = model.trained
        references = References()
        if trained.role == "student":
            teacher = baseline_id("teacher", str(trained.config["teacher"]))
            references = References(final.get(teacher), final.get(baseline_id("nds", trained.architecture)))
        model.numbers[split.name] = split_numbers(
            model.on[split.name][1].report,
            references,
            classes=run.record.classes,
            attributes=run.record.attributes,
        )


def _conclude(run: Run, models: Sequence[_Model], picked: Sequence[str], notes: Sequence[str]) -> Findings:
    found = [
        ModelFindings(
            id=model.trained.id,
            role=model.trained.role,
            architecture=model.trained.architecture,
            config=model.trained.config,
            searched=model.searched,
            splits=model.numbers,
            exported=model.trained.id in picked,
        )
        for model in models
    ]
    return conclude(
        run.record,
        run.objectives,
        [model for model in found if model.role == "student"],
        [model for model in found if model.role != "student"],
        run.trials(),
        seeds=0,
        notes=notes,
    )


def _write(folder: Path, run: Run, dataset: Dataset, models: Sequence[_Model], findings: Findings) -> None:
    by_id = {model.trained.id: model for model in models}
    for member in findings.members:
        if not member.exported:
            continue
        model = by_id[member.id]
        teacher = by_id[baseline_id("teacher", str(member.config["teacher"]))].trained
        origin = Provenance(run, dataset, digest(safetensors.torch.save(dict(teacher.state))), version("kdtune"))
        metrics = metrics_of(member, findings, model.moved)
        parameters = sum(parameter.numel() for parameter in model.module.parameters())
        write_bundle(folder / member.id, model.trained, origin, metrics, parameters=parameters)
        verify_bundle(folder / member.id, model.on, metrics)
    write_tables(folder, findings)
    groups = _by_group(run, models)
    if len(groups):
        write_bytes(folder / "by_group.csv", groups.to_csv(index=False).encode())


def _by_group(run: Run, models: Sequence[_Model]) -> "pandas.DataFrame":
    """Return the rates by group of every model on test."""
    import pandas

    tables = []
    for model in models:
        split, evaluated = model.on["test"]
        table = by_group(
            split.labels,
            evaluated.predictions,
            split.arrays.validation_groups,
            attributes=run.record.attributes,
            classes=run.record.classes,
        )
        table.insert(0, "id", model.trained.id)
        tables.append(table)
    return pandas.concat(tables, ignore_index=True)


def metrics_of(member: ModelFindings, findings: Findings, moved: int) -> dict[str, Any]:
    """Return the content of a student's `metrics.json`."""
    return {
        "form": FORM,
        "id": member.id,
        "objectives": [objective.name for objective in findings.objectives],
        "constraints": [str(constraint) for constraint in findings.record.constraints],
        "searched": {
            "values": dict(member.searched),
            "precision": member.config.get("precision", "float32"),
            "answers_changed_since": moved,
        },
        **member.splits,
        "feasible_on_test": is_feasible_on_test(member, findings),
    }


def is_feasible_on_test(member: ModelFindings, findings: Findings) -> bool:
    """Tell whether a member meets the run's constraints on test too."""
    return all(c.violation(member.value(c.name)) <= 0 for c in findings.record.constraints)
