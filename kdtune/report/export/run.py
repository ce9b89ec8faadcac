"""`kdtune export`: evaluates the front of a run on test, and writes its students and the report."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kdtune.data.dataset import Dataset
from kdtune.distill.weights.state import saved_state
from kdtune.errors import InputError
from kdtune.files import check_place, replace_folder, write_bytes
from kdtune.output import narrate
from kdtune.report.evaluate.cost import Cost, cost_of
from kdtune.report.evaluate.evaluation import SplitData, described_data, load_data, open_test, validation_of
from kdtune.report.evaluate.trained import Trained
from kdtune.report.export.bundle.card import card
from kdtune.report.export.bundle.formats import check_formats, write_formats
from kdtune.report.export.bundle.writing import Provenance, verify_bundle, write_bundle
from kdtune.report.export.figures.all_figures import draw_all
from kdtune.report.export.front_members import choices, refuse_study
from kdtune.report.export.page.report import page
from kdtune.report.export.pick import pick
from kdtune.report.export.results.answers import answers_table, confusion_table
from kdtune.report.export.results.comparisons import compare_on_test
from kdtune.report.export.results.findings import Findings, conclude
from kdtune.report.export.results.members import (
    EvaluatedModel,
    baselines_of,
    checked,
    evaluate_models,
    group_table,
    hold_front,
    load_baselines,
    with_answers,
)
from kdtune.report.export.results.model import ModelFindings
from kdtune.report.export.results.reference_points import reference_points
from kdtune.report.export.results.replicates import (
    choices_among,
    seed_numbers,
    students_of,
    train_again,
)
from kdtune.report.export.tables import csv_of, write_tables
from kdtune.runs.measures.objectives import check_own_measures
from kdtune.runs.reader import Run, open_run
from kdtune.runs.state import ModelState, RunState
from kdtune.student.student import CARD, FORM, digest
from kdtune.text import counted
from kdtune.user_code import check_named, import_modules

_MOST_REPLICATES = 1000


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    Attributes:
        run: name or path; None for the newest.
        out: folder to write, absent or empty; None for `export` in the run.
        pick: which members get a folder (see `kdtune.report.export.pick`); all members if it is empty.
        replicates: number of further seeds with which the front and its baselines are trained.
        address: of a running Ray cluster (host:port), for the replicates.
        imports: modules that register what the user has added: data sets, models, losses, measures.
        torch_export, onnx: whether each student is also written in these formats.
        raw: the front is that of the values on validation alone.
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
    raw: bool = False


def run_export(request: ExportRequest) -> tuple[Path, Findings]:
    """Export a run's front, and return the folder and the findings.

    The folder appears under its name once everything is written and was loaded again.

    Raises:
        InputError: the run, the folder or a pick can't be used; nothing was written.
        ExportError: a written student does not give what was measured; nothing was kept.
        DiskError: the folder can't be written; nothing was kept.
    """
    check_formats(onnx=request.onnx)
    run = open_run(request.run, runs_dir=request.runs_dir, raw=request.raw)
    check_named(run.record.imports, request.imports, str(run.files.record))
    import_modules(request.imports)
    refuse_study(run)
    check_own_measures(run.record)
    described_data(run)
    out = checked_out(request.out or run.files.export)

    def choose(front: Sequence[ModelState]) -> list[str]:
        later = {f"{trial.id}-s{k + 1}" for trial in front for k in range(request.replicates)}
        return pick(choices(run, front), run.objectives, [text for text in request.pick if text not in later])

    if not 0 <= request.replicates <= _MOST_REPLICATES:
        raise InputError(
            f"replicates: {request.replicates:,} further seeds, from 0 to {_MOST_REPLICATES:,} are possible"
        )

    held = hold_front(run, choose, required=bool(request.pick))
    picked, notes = list(held.picked), [*_not_ended(held.state, run.record.trials), *held.notes]
    baselines_read = load_baselines(run, held.members)
    narrate(f"data: {run.record.dataset['name']}")
    dataset = load_data(run)
    validation = validation_of(dataset)
    models = checked(run, [*held.members, *baselines_read], validation)
    replicates = []
    students = [model for model in models if model.trained.role == "student"]
    others: list[EvaluatedModel] = []
    if request.replicates:
        replicates = train_again(run, dataset, models, request.replicates, address=request.address)
        others = students_of(run, models, replicates, validation)
        students, picked = _among_all_seeds(run, held.state, students, others, request.pick, notes)
    test = open_test(dataset)
    for split in (validation, test):
        narrate(
            f"{split.name}: {counted(len(models) + len(others), 'model')} on {counted(len(split), 'example')}"
        )
        evaluate_models([*models, *others], split, run)
    seeds = seed_numbers(run, [*models, *others], replicates)
    models = with_answers(models, test, notes)
    baselines = [model for model in models if model.trained.role != "student"]
    shown = [*students, *baselines]
    points, why_none = reference_points(run, baselines)
    notes += why_none
    findings = conclude(
        run.record,
        run.objectives,
        [
            _found(model, [*picked, *_without_teacher(students, picked)], seeds, _cost(model, validation))
            for model in shown
        ],
        run.trials(held.state),
        comparisons=compare_on_test(run, shown),
        confusion=confusion_table(shown, run.record.classes, run.record.attributes),
        others=[_found(model, (), seeds) for model in (*models, *others) if model not in shown],
        points=points,
        seeds=request.replicates,
        notes=notes,
    )
    with replace_folder(out, overwrite=False) as folder:
        _write(folder, run, dataset, shown, [trained for trained, _ in baselines_read], findings, request)
    return out, findings


def _not_ended(state: RunState, asked: int | None) -> list[str]:
    """Say so of a search that has not ended, and return it for the report; nothing of one that has.

    Args:
        asked: number of trials to finish; None for no limit.
    """
    if state.state == "finished":
        return []
    done = sum(trial.state == "done" for trial in state.trials.values())
    of = (
        f"{done:,} of {asked:,} trials are"
        if asked
        else f"{counted(done, 'trial')} {'is' if done == 1 else 'are'}"
    )
    note = f"The search has not reached its end: {of} done. Students that it may find later are not in this export."
    narrate(note)
    return [note]


def checked_out(out: Path) -> Path:
    """Return the folder to write, if nothing is in its place and it can be made there.

    Raises:
        InputError: something is, or it can't.
    """
    if os.path.islink(out):
        raise InputError(f"{out}: is a link: name the folder that it leads to, or another, with --out")
    if os.path.lexists(out) and not os.path.isdir(out):
        raise InputError(f"{out}: is a file: name a folder with --out")
    if os.path.isdir(out) and _entries(out):
        raise InputError(
            f"{out}: is not empty, and nothing is overwritten: move it away, or name another folder: --out DIR"
        )
    if out.name in ("", ".."):
        raise InputError(f"{out}: name the folder that is to be made: --out {out / 'export'}")
    if os.path.ismount(out):
        raise InputError(f"{out}: another disk begins there: name a folder inside it: --out {out / 'export'}")
    check_place(out, "name another folder with --out")
    return out


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise InputError(
            f"{folder}: not readable ({error.strerror or error}): name another folder with --out"
        ) from None


def _write(
    folder: Path,
    run: Run,
    dataset: Dataset,
    models: Sequence[EvaluatedModel],
    baselines: Sequence[Trained],
    findings: Findings,
    request: ExportRequest,
) -> None:
    by_id = {model.trained.id: model for model in models}
    read = {trained.id: trained for trained in baselines}
    for member in findings.models:
        if not member.exported:
            continue
        model = by_id[member.id]
        assert model.module is not None
        taught = baselines_of(model.trained).get("teacher")
        teacher = None if taught is None else digest(saved_state(read[taught].state))
        origin = Provenance(run, dataset, teacher, version("kdtune"))
        metrics = metrics_of(member, findings, model.moved)
        parameters = sum(parameter.numel() for parameter in model.module.parameters())
        write_bundle(folder / member.id, model.trained, origin, metrics, parameters=parameters)
        student = verify_bundle(folder / member.id, model.on, metrics)
        write_formats(
            folder / member.id,
            student,
            model.on["test"][0].inputs,
            torch_export=request.torch_export,
            onnx=request.onnx,
        )
        write_bytes(folder / member.id / CARD, card(member, student.config, findings).encode())
    write_tables(folder, findings)
    groups = group_table(run, models)
    write_bytes(folder / "answers.csv", csv_of(answers_table(models, run.record.classes)))
    if len(groups):
        write_bytes(folder / "by_group.csv", csv_of(groups))
    narrate("figures and report")
    pictures = draw_all(findings)
    for picture in pictures:
        write_bytes(folder / "figures" / f"{picture.name}.svg", picture.svg)
        write_bytes(folder / "figures" / f"{picture.name}.png", picture.png)
    write_bytes(folder / "report.html", page(findings, pictures, groups).encode())


def _among_all_seeds(
    run: Run,
    state: RunState,
    members: Sequence[EvaluatedModel],
    others: Sequence[EvaluatedModel],
    asked: Sequence[str],
    notes: list[str],
) -> tuple[list[EvaluatedModel], list[str]]:
    """Return the front among the students of all seeds, and which of them to write.

    A student that another one dominates is shown and written if it was asked for by its name.
    """
    students = [*members, *(other for other in others if other.trained.role == "student")]
    by_id = {student.trained.id: student for student in students}
    listed = choices_among(run, state, students)
    front = [by_id[choice.id] for choice in listed]
    named = {student.trained.id for student in students} & set(asked)
    shown = [*front, *(s for s in students if s.trained.id in named and s not in front)]
    for member in members:
        if member not in shown:
            name = member.trained.id
            notes.append(
                f"{name} is left out: on validation, a student with another seed is at least as good in every "
                f"objective and better in one. '--pick {name}' keeps it."
            )
    rules = [text for text in asked if text not in named]
    if rules or not named:
        named |= set(pick(listed, run.objectives, rules))
    return shown, [student.trained.id for student in shown if student.trained.id in named]


def _without_teacher(students: Sequence[EvaluatedModel], picked: Sequence[str]) -> set[str]:
    """Return the NDS of the students that get a folder: they get one too, because a reader may decide for them."""
    return {baselines_of(s.trained)["nds"] for s in students if s.trained.id in picked}


def _cost(model: EvaluatedModel, split: SplitData) -> Cost | None:
    return None if model.module is None else cost_of(model.module, split)


def _found(
    model: EvaluatedModel,
    picked: Sequence[str],
    seeds: Mapping[str, Mapping[str, Any]],
    cost: Cost | None = None,
) -> ModelFindings:
    trained = model.trained
    return ModelFindings(
        id=trained.id,
        role=trained.role,
        architecture=trained.architecture,
        config=trained.config,
        searched=model.searched,
        splits=model.numbers,
        source=model.source,
        replicates=seeds.get(model.source or trained.id),
        exported=trained.id in picked,
        cost=cost,
    )


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
        **({} if member.replicates is None else {"replicates": member.replicates}),
        "feasible_on_test": is_feasible_on_test(member, findings),
    }


def is_feasible_on_test(member: ModelFindings, findings: Findings) -> bool:
    """Return whether a member meets the run's constraints on test too."""
    return all(c.violation(member.value(c.name)) <= 0 for c in findings.record.constraints)
