"""The last step of `kdtune study`: turns a trained study into tables, figures and a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.table import Table as RichTable

from kdtune.errors import InputError
from kdtune.files import check_place, write_bytes
from kdtune.output import narrate
from kdtune.report.study.figures.all_figures import draw_all
from kdtune.report.study.page import page, protocol
from kdtune.report.study.record import as_record
from kdtune.report.study.results.evaluate import evaluate_study, study_of
from kdtune.report.study.results.reading import Study, read_study
from kdtune.report.study.statistics.significance import Null
from kdtune.report.study.tables.all_tables import all_tables
from kdtune.report.study.tables.rendering import Table
from kdtune.runs.paths import check_no_links
from kdtune.runs.reader import open_run
from kdtune.terminal.console import print_json, print_table, stdout_console
from kdtune.text import file_name, plain
from kdtune.user_code import check_named, import_modules

FOLDER = "study"


def report_study(
    root: Path,
    *,
    null: Literal["ratio", "difference", "raw"] | None = None,
    imports: Sequence[str] = (),
    as_json: bool = False,
    evaluate: bool = True,
) -> None:
    """Evaluate a study's models on test, write everything into `<run>/study`, and print the table of classes.

    Arguments and errors are those of `conclude_study`.
    """
    study, asked, out, found = conclude_study(root, null=null, imports=imports, evaluate=evaluate)
    if as_json:
        print_json({"path": str(out), **as_record(study, asked)})
    else:
        for table in found:
            if table.name.startswith(("table-1", "noise-floor")):
                _print(table)
        for line in protocol(study, asked)[:-1]:
            stdout_console().print(line, style="dim", markup=False)
    narrate(f"read {out / 'report.html'}")


def conclude_study(
    root: Path,
    *,
    null: Literal["ratio", "difference", "raw"] | None = None,
    imports: Sequence[str] = (),
    evaluate: bool = True,
) -> tuple[Study, Null, Path, list[Table]]:
    """Evaluate a study's models on test, write everything into `<run>/study`, and return what was found.

    Args:
        null: null hypothesis instead of the space's.
        imports: modules that register what the user has added: data sets, models, losses, measures.
        evaluate: whether models are evaluated that were not yet; without it, only evaluated ones are drawn.

    Returns:
        The study, its null hypothesis, the folder and the tables.

    Raises:
        KdtuneError: the run is not a study, no student is done, or a file is damaged.
    """
    run = open_run(root)
    check_no_links(run.files)
    check_named(run.record.imports, imports, str(run.files.record))
    import_modules(imports)
    out = root / FOLDER
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, and tables and figures go into a folder there: move it away")
    check_place(
        out / "report.html" if out.exists() else out, "a study writes into its run's folder: make it writable"
    )
    asked: Null = null or study_of(run).null_is
    if evaluate:
        evaluate_study(run, narrate)
    study = read_study(run)
    return study, asked, out, write_study(study, asked, out)


def write_study(study: Study, null: Null, out: Path) -> list[Table]:
    """Write tables (CSV, LaTeX), figures (SVG, PNG) and the page into a folder; return the tables."""
    found = all_tables(study, null)
    for table in found:
        name = file_name(table.name)
        write_bytes(out / f"{name}.csv", table.csv().encode())
        if table.page:
            write_bytes(out / f"{name}.tex", table.latex().encode())
    pictures = draw_all(study, null)
    for picture in pictures:
        write_bytes(out / f"{picture.name}.svg", picture.svg)
        write_bytes(out / f"{picture.name}.png", picture.png)
    write_bytes(out / "report.html", page(study, pictures, found, null).encode())
    return found


def _print(table: Table) -> None:
    shown = RichTable(title=plain(table.title), title_justify="left", pad_edge=False)
    for k, name in enumerate(table.head):
        shown.add_column(plain(name), justify="left" if k < table.text else "right")
    for row in table.rows:
        shown.add_row(*map(plain, row))
    print_table(shown)
