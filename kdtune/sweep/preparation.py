"""What was asked for, checked against the data before anything is trained: data, models from files, earlier runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kdtune.files import write_bytes
from kdtune.runs.paths import RunFiles
from kdtune.runs.predictions import digest_of, validation_file
from kdtune.runs.reader import open_run
from kdtune.runs.records import RunRecord
from kdtune.space.idle import without_effect
from kdtune.space.reading import Space
from kdtune.text import counted
from kdtune.user_code import import_modules

if TYPE_CHECKING:
    from kdtune.data.dataset import Dataset
    from kdtune.sweep.plan import Plan
    from kdtune.sweep.trials.known import Known


def load_data(space: Space, say: Callable[[str], object]) -> "Dataset":
    """Import the user's modules, check all names that a space uses, and load its data.

    Raises:
        InputError: a name is unknown, or the data can't be used.
    """
    from kdtune.data import load
    from kdtune.sweep.plan import check_names

    import_modules(space.imports)
    check_names(space)
    say(f"data: {space.dataset.name}")
    return load(space.dataset.name, **space.dataset.options)


def check_new(
    plan: "Plan", known_from: Path | None, say: Callable[[str], None], *, kind: str = "sweep"
) -> "Known | None":
    """Check a run that begins, say what is doubtful in it, and return what its sampler is to know.

    Args:
        known_from: a run whose trials the sampler is to know.
        kind: `sweep` or `study`.

    Raises:
        InputError: its files, or that run, can't be used.
    """
    known = None if known_from is None else take_known(known_from, plan, say)
    check_files(plan, say)
    for line in without_effect(plan.space) if kind == "sweep" else ():
        say(line)
    return known


def check_files(plan: "Plan", say: Callable[[str], None]) -> None:
    """Refuse models from files that do not know the data: seconds here save a sweep that learns from nonsense."""
    from kdtune.sweep.from_files import check_knows
    from kdtune.sweep.from_logits import check_logits

    for teacher in dict.fromkeys(pair.teacher for pair in plan.space.pairs):
        if (logits := plan.logits(teacher)) is not None:
            check_logits(plan.space, teacher, logits, plan.dataset, say)
    for role, architecture in plan.single:
        file = plan.file(role, architecture)
        if file is not None and file.lacks is None:  # a new classifier knows nothing yet
            check_knows(plan.space, role, plan.baseline_job(role, architecture), plan.dataset, say)


def take_known(source: Path, plan: "Plan", say: Callable[[str], None]) -> "Known":
    """Return what the sampler is to know of another run's trials.

    Raises:
        InputError: they were made with other data or another protocol.
    """
    from kdtune.sweep.run_record import with_versions_now
    from kdtune.sweep.trials.known import known_of

    run = open_run(source)
    known = known_of(run, plan, digest_of(_validation(plan)))
    said = f"the sampler knows {counted(len(known.trials), 'trial')} of {known.run}"
    if known.left_out:
        said += f"; {known.left_out} others are not of this search space, or lack a measure"
    say(said)
    _say_changes(with_versions_now(run.record, plan)[1], known.run, say)
    return known


def compare_versions(
    record: RunRecord, plan: "Plan", files: RunFiles, say: Callable[[str], object]
) -> RunRecord:
    """Return the record of a run that is resumed with the versions of now, and say which are others than then.

    Raises:
        RunError: a model of the user's own is not what the run has trained.
    """
    from kdtune.sweep.own_models import check_answers
    from kdtune.sweep.run_record import of_model, with_versions_now

    record, changes = with_versions_now(record, plan)
    if changed := {name for _, name in plan.single if of_model(name) in changes}:
        check_answers(plan, files, changed)
    _say_changes(changes, "the run", say)
    return record


def _say_changes(changes: Mapping[str, str], run: str, say: Callable[[str], object]) -> None:
    if changes:
        told = ", ".join(changes.values())
        say(f"not the versions that {run} had: {told}: its numbers may differ from those of now")


def keep_validation(plan: "Plan", files: RunFiles) -> str:
    """Write the labels and groups of the validation examples, and return the file's SHA-256."""
    content = _validation(plan)
    write_bytes(files.validation, content, durable=True)
    return digest_of(content)


def _validation(plan: "Plan") -> bytes:
    split = plan.dataset.validation
    groups = {name: codes.numpy() for name, codes in split.groups.items()}
    return validation_file(split.labels.numpy(), groups)
