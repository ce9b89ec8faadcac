"""A study in a terminal: the means over its seeds so far. It has no front, because its models are repetitions."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from kdtune.runs.summary import Member, Summary
from kdtune.text import measured, plain, setting


def study_table(summary: Summary) -> Table:
    """Return the table of a study's models that are done, on validation: a row for each configuration."""
    measures = list(dict.fromkeys([*summary.objectives, "accuracy"]))
    students = _grouped(summary.trials, ("pair", "temperature", "scale_by_t2"))
    both_forms = len({scaled for _, _, scaled in students}) > 1
    table = Table(
        title="Means over seeds ± their standard deviation (validation)", title_justify="left", pad_edge=False
    )
    for heading in ("model", "T", *(["× T²"] if both_forms else [])):
        table.add_column(heading, no_wrap=True)
    for heading in ("seeds", *measures):
        table.add_column(plain(heading), justify="right", no_wrap=True)
    for (pair, temperature, scaled), members in sorted(students.items(), key=_by_temperature):
        form = [{"True": "yes", "False": "no"}.get(scaled, scaled)] if both_forms else []
        table.add_row(plain(pair), plain(temperature), *form, *_cells(members, measures))
    table.add_section()
    for (role, architecture), members in _grouped(summary.baselines, ("role", "architecture")).items():
        label = plain(f"{role} {architecture}")
        table.add_row(label, *([""] * (1 + both_forms)), *_cells(members, measures), style="dim")
    return table


def _by_temperature(row: tuple[tuple[str, ...], list[Member]]) -> tuple[str, str, float]:
    (pair, _, scaled), members = row
    temperature = members[0].config.get("temperature")
    return pair, scaled, float(temperature) if isinstance(temperature, int | float) else 0.0


def _grouped(models: Sequence[Member], names: Sequence[str]) -> Mapping[tuple[str, ...], list[Member]]:
    """Return the models that are done by what distinguishes them but for their seeds."""
    found: dict[tuple[str, ...], list[Member]] = {}
    for model in models:
        if model.state == "done":
            config = {"role": model.role, **model.config}
            found.setdefault(tuple(setting(config.get(name, "")) for name in names), []).append(model)
    return found


def _cells(members: Sequence[Member], measures: Sequence[str]) -> list[str]:
    cells = [str(len(members))]
    for name in measures:
        values = np.array([member.values.get(name, np.nan) for member in members], dtype=float)
        spread = f" ± {measured(name, float(values.std(ddof=1)))}" if len(values) > 1 else ""
        undefined = bool(np.isnan(values).any())
        cells.append("undefined" if undefined else f"{measured(name, float(values.mean()))}{spread}")
    return cells
