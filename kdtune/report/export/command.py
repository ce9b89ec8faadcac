"""The command `kdtune export`, from its options to what it prints."""

import argparse
from typing import TYPE_CHECKING

from rich.table import Table

from kdtune.output import narrate
from kdtune.report.export.front_members import choices, front_states, refuse_study
from kdtune.report.export.labels import value_text
from kdtune.report.export.pick import pick
from kdtune.runs.reader import Run, open_run
from kdtune.terminal.console import print_damage, print_json, print_summary, print_table
from kdtune.text import listed, plain

if TYPE_CHECKING:
    from kdtune.report.export.results.findings import Findings


def export(options: argparse.Namespace) -> int:
    """Export a run's front, or list it; return the exit code."""
    run = open_run(options.target, runs_dir=options.runs_dir, raw=options.raw)
    refuse_study(run)
    if options.list:
        return _list(run, options)
    print_damage(run.damage())
    # These import torch, which takes seconds: a list, and a run that is refused, do without.
    from kdtune.report.export.page.sentences import opening
    from kdtune.report.export.run import ExportRequest, run_export
    from kdtune.report.export.tables import findings_record

    request = ExportRequest(
        run=options.target,
        runs_dir=options.runs_dir,
        out=options.out,
        pick=options.pick,
        replicates=options.replicates,
        address=options.address,
        imports=options.imports,
        torch_export=options.torch_export,
        onnx=options.onnx,
        raw=options.raw,
    )
    out, findings = run_export(request)
    if options.json:
        print_json({"path": str(out), **findings_record(findings)})
    else:
        print_table(_table(findings))
    narrate(opening(findings)[0])
    students = f"{len(findings.exported)} student{'s' if len(findings.exported) > 1 else ''}"
    narrate(f"{students} in {out}, beside {listed(findings.exported_beside)}; read {out / 'report.html'}")
    narrate(f'load one: kdtune.load_student("{out / findings.to_load}").predict(...)')
    return 0


def _list(run: Run, options: argparse.Namespace) -> int:
    front = choices(run, front_states(run, run.state()))
    print_summary(run, as_json=options.json)
    if options.pick:
        narrate(f"picked: {', '.join(pick(front, run.objectives, options.pick))}")
    else:
        knee = pick(front, run.objectives, ["knee"])[0]
        rest = f"all {len(front)} are exported" if len(front) > 1 else "it is exported too"
        narrate(f"--pick knee is {knee}; without --pick, {rest}")
    return 0


def _table(findings: "Findings") -> Table:
    """Return the front on test, beside what the search had found on validation."""
    title = f"validation → {findings.n['test']:,} test examples (* exported)"
    table = Table(title=title, title_justify="left", pad_edge=False)
    table.add_column("model", no_wrap=True)
    for objective in findings.objectives:
        table.add_column(plain(objective.name), justify="right", no_wrap=True)
    for model in findings.models:
        name = plain(model.id) + (" *" if model.exported else "")
        before = [value_text(model, o, searched=True) for o in findings.objectives]
        after = [value_text(model, o) for o in findings.objectives]
        cells = [f"{then} → {now}" for then, now in zip(before, after, strict=True)]
        table.add_row(name, *cells, style="dim" if model.role != "student" else None)
    return table
