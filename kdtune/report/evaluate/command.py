"""The commands `kdtune evaluate` and `kdtune predict`: an exported student on other examples."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.table import Table

from kdtune.errors import InputError
from kdtune.files import check_place, write_bytes
from kdtune.output import narrate, print_data
from kdtune.runs.measures.metrics import interval_in
from kdtune.runs.measures.objectives import Objective
from kdtune.student.examples import Examples, Wanted, read_examples
from kdtune.student.student import Student, load_student
from kdtune.terminal.console import print_json, print_table
from kdtune.text import counted, measured, number, plain
from kdtune.user_code import import_modules

if TYPE_CHECKING:
    import pandas


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate a student on labelled examples; return the exit code."""
    student = _student(options)
    wanted = Wanted(
        groups=not options.without_groups,
        label=options.label,
        column=options.column,
        attributes=options.attributes,
    )
    examples = _read(options.data, student, wanted)
    found = student.judge(examples, batch_size=options.batch_size, precision=options.precision)
    if options.json:
        print_json({"student": student.config["id"], "data": str(options.data), **found})
        return 0
    print_table(_table(student, found))
    for name, numbers in found["attributes"].items():
        for line in numbers["undefined"]:
            narrate(f"undefined: {line}")
        if numbers["n_missing"]:
            narrate(f"{name}: left out: {counted(numbers['n_missing'], 'example')} of unknown group")
    return 0


def predict(options: argparse.Namespace) -> int:
    """Write a student's answer to each example; return the exit code."""
    write = _writer(options.out)
    student = _student(options)
    examples = _read(options.data, student, Wanted(labels=False, column=options.column))
    logits = student.answers(examples, batch_size=options.batch_size, precision=options.precision)
    write(_answers(student, examples, logits))
    if options.out is not None:
        narrate(f"{len(examples):,} predictions in {options.out}")
    return 0


def _read(data: Path, student: Student, wanted: Wanted) -> Examples:
    examples = read_examples(data, student.config, wanted)
    for note in examples.notes:
        narrate(note)
    return examples


def _student(options: argparse.Namespace) -> Student:
    import_modules(options.imports)
    student = load_student(options.bundle)
    if options.device is None:
        return student
    try:
        student.to(options.device)
        torch.zeros(1, device=options.device)
    except InputError as error:
        raise InputError(f"--{error}") from None
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"--device {options.device}: can't be used here: {reason[0]}") from None
    return student


def _writer(out: Path | None) -> Any:
    """Return what writes a table of answers: CSV or Parquet, as the file's name says.

    Raises:
        InputError: it is another kind of file, or there already.
    """
    if out is None:
        return lambda table: print_data(table.to_csv(index=False, lineterminator="\n"), end="")
    kind = out.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise InputError(f"--out {out}: name a file that ends in .csv or .parquet")
    if os.path.lexists(out):
        raise InputError(f"--out {out}: is there already, and nothing is overwritten: name another file")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {str(out.parent)!r}")
    check_place(out, "name another file with --out")

    def write(table: "pandas.DataFrame") -> None:
        content = (
            table.to_csv(index=False, lineterminator="\n").encode()
            if kind == ".csv"
            else table.to_parquet(index=False)
        )
        write_bytes(out, content)

    return write


def _answers(student: Student, examples: Examples, logits: torch.Tensor) -> "pandas.DataFrame":
    """Return a row an example: its row or file, the most likely class, and each class's probability."""
    import pandas

    probabilities = logits.softmax(dim=1).numpy()
    names = list(examples.names)
    table: dict[str, Any] = {"file" if names and isinstance(names[0], str) else "row": names}
    table["prediction"] = [student.classes[k] for k in logits.argmax(dim=1).tolist()]
    table |= {f"p({name})": probabilities[:, k] for k, name in enumerate(student.classes)}
    return pandas.DataFrame(table)


def _table(student: Student, found: dict[str, Any]) -> Table:
    """Return each measure with its interval, beside the student's own test."""
    tested = (student.metrics.get("test") or {}).get("values", {})
    name = f"{student.config.get('run', '')} {student.config['id']}".strip()
    table = Table(
        title=f"{plain(name)} on {counted(found['n'], 'example')}",
        title_justify="left",
        pad_edge=False,
    )
    table.add_column("measure", no_wrap=True)
    for heading in ("here", "95 %", "when exported (test)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, value in found["values"].items():
        interval = interval_in(found, Objective.parse(name, student.config.get("attributes") or {}))
        between = "" if interval is None else _between(interval)
        table.add_row(plain(name), _number(value, name), between, _number(tested.get(name), name))
    for attribute, numbers in found["attributes"].items():
        table.add_section()
        for group in numbers["groups"]:
            accuracy = group["accuracy"]
            label = f"accuracy, {attribute} {group['group']} (n = {group['n']:,})"
            table.add_row(plain(label), _number(accuracy["value"]), _between(accuracy["interval"]), "")
    return table


def _between(interval: Any) -> str:
    return "" if interval[0] is None else f"{number(interval[0])} to {number(interval[1])}"


def _number(value: float | None, measure: str = "") -> str:
    return "–" if value is None else measured(measure, value)
