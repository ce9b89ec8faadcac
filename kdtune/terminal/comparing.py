"""What `kdtune compare` prints of two runs."""

import json
from typing import Any

from rich.table import Table

from kdtune.output import narrate
from kdtune.runs.comparison.two_runs import TwoRuns, compare_runs
from kdtune.runs.reader import Run
from kdtune.terminal.console import print_damage, print_json, print_table, stdout_console
from kdtune.text import measured, plain, shortened

_LONGEST = 60
_MOST = 12


def print_comparison(first: Run, second: Run, *, as_json: bool) -> None:
    """Print what two runs have in common, and what not."""
    found = compare_runs(first, second)
    for damage in found.damage:
        print_damage(damage)
    if as_json:
        print_json(found.to_dict())
        return
    if found.differences:
        print_table(_differences(found))
    else:
        stdout_console().print("both were asked for the same, on the same data, with the same versions")
    if found.incomparable:
        for reason in found.incomparable:
            narrate(f"not compared: {reason}")
        return
    print_table(_fronts(found))
    for line in _told(found):
        stdout_console().print(plain(line))


def _differences(found: TwoRuns) -> Table:
    table = Table(title="What differs", title_justify="left", pad_edge=False)
    for heading in ("", "key", *found.runs):
        table.add_column(plain(heading))
    section = ""
    for item in found.differences:
        if section and item.section != section:
            table.add_section()
        shown = "" if item.section == section else item.section
        section = item.section
        table.add_row(shown, plain(item.key), _value(item.first), _value(item.second))
    return table


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return shortened(
        plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)), _LONGEST
    )


def _fronts(found: TwoRuns) -> Table:
    table = Table(
        title=f"Fronts on {plain(', '.join(found.objectives))} (validation)",
        title_justify="left",
        pad_edge=False,
    )
    table.add_column("run", no_wrap=True)
    for heading in (
        "students",
        "on the front",
        "of them dominated by the other run",
        "hypervolume",
        "beyond the other",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for side in found.sides:
        table.add_row(
            plain(side.run),
            str(side.done),
            str(len(side.front)),
            str(len(side.beaten)),
            f"{side.hypervolume:.4f}",
            f"{side.beyond:.4f}",
        )
    table.add_section()
    joint = sum(len(side.front) - len(side.beaten) for side in found.sides)
    table.add_row("both", "", str(joint), "", f"{found.hypervolume:.4f}", "", style="dim")
    return table


def _told(found: TwoRuns) -> list[str]:
    lines = []
    for side in found.sides:
        stays = [name for name in side.front if name not in side.beaten]
        lines.append(f"front of both, from {side.run}: {', '.join(stays) or 'none'}")
    unequal = [twin for twin in found.twins if twin.differences]
    alone = ", ".join(f"{len(side.only)} of {side.run}" for side in found.sides)
    lines.append(
        f"students with the same configuration in both: {len(found.twins)}, of which {len(unequal)} "
        f"{'has' if len(unequal) == 1 else 'have'} other values; "
        f"in one run only: {alone}"
    )
    for twin in unequal[:_MOST]:
        shown = [
            f"{name} {measured(name, a)} and {measured(name, b)}"
            for name, (a, b) in twin.differences.items()
            if name in found.objectives
        ] or [f"other measures: {', '.join(twin.differences)}"]
        lines.append(f"  {twin.first} and {twin.second}: {'; '.join(shown)}")
    if len(unequal) > _MOST:
        lines.append(f"  and {len(unequal) - _MOST} more (--json)")
    return lines
