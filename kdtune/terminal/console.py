"""Prints tables on standard output and narration on standard error."""

import json
import math
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from kdtune.errors import RunError, SpaceError, did_you_mean
from kdtune.fairness import EQUAL_RATES
from kdtune.files import dumps
from kdtune.output import narrate, output, print_data
from kdtune.pareto import Constraint
from kdtune.runs.comparison.verdict import remarks
from kdtune.runs.finding import list_runs
from kdtune.runs.measures.objectives import in_words
from kdtune.runs.reader import Run
from kdtune.runs.state import STUDY_SEED
from kdtune.runs.summary import Doubt, Member, Summary, summarise, telling_settings
from kdtune.terminal.study_table import study_table
from kdtune.text import byte_size, counted, duration, measured, number, plain, setting

_WIDTH_WITHOUT_TERMINAL = 140
_ANY_WIDTH = 10_000
_FEW_CLASSES = 4
_MOST_UNDEFINED = 5
_WIDE = 115
"""A narrower terminal shows neither what equal rates give nor settings but T and α, so that no number is cut off."""


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, in ASCII, so that it holds nothing that controls a terminal."""
    print_data(json.dumps(json.loads(dumps(value))))


def print_summary(run: Run, *, as_json: bool, summary: Summary | None = None) -> None:
    """Print a run's progress and front: as they are now, or as they were summarised."""
    summary = summary or summarise(run)
    if as_json:
        print_json(summary.to_dict())
        return
    console = stdout_console()
    status = summary.status
    message = f" ({plain(status.message)})" if status.message else ""
    console.print(Text.assemble((plain(status.name), "bold"), f"  {plain(status.state)}{message}"))
    budget = f" of {status.budget}" if status.budget else ""
    left = "" if status.seconds_left is None else f"; about {duration(status.seconds_left)} left"
    beyond = "" if math.isnan(status.added) else f" ({number(status.added, 4)} of it beyond the baselines)"
    has_front = run.record.has_front
    volume = f"; hypervolume {status.hypervolume:.4f}{beyond}" if has_front else ""
    console.print(f"trials{budget}: {status.tally}{volume}{left}")
    for name, models in summary.on_gpus.items():
        console.print(plain(f"{name}: {', '.join(models)}"))
    print_table(_front_table(summary, wide=console.width >= _WIDE) if has_front else study_table(summary))
    for line in [*_chosen_by(run, summary), *_known(run), *_notes(run, summary)]:
        console.print(plain(line), style="dim")
    if status.front or (status.trials["done"] and not has_front):
        narrate(
            f"next: {run.record.concluding(run.files.argument)}    (or: kdtune watch {run.files.argument})"
        )
    if summary.conclusion:
        console.print(plain(summary.conclusion))
    print_damage(status.damage)


def print_damage(damage: Sequence[str]) -> None:
    """Say on standard error what is missing of a run, if anything is."""
    for line in damage:
        narrate(f"damaged: {line}", error=True)


def _front_table(summary: Summary, *, wide: bool) -> Table:
    table = Table(
        title=f"Pareto front: {counted(len(summary.front), 'student')} (validation)",
        title_justify="left",
        pad_edge=False,
    )
    settings = (
        telling_settings([member.config for member in summary.front]) if wide else ["temperature", "alpha"]
    )
    measures = list(dict.fromkeys([*summary.objectives, "accuracy"]))
    doubtful = {name for member in (*summary.front, *summary.baselines) for name in member.doubts}
    steps = summary.resolution.known
    for heading in ("model", *(["step"] if steps else []), *(_short(name) for name in settings)):
        table.add_column(plain(heading), no_wrap=True)
    for name in measures:
        heading = plain(name) + (" (95 %)" if name in doubtful else "")
        table.add_column(heading, justify="right", no_wrap=True)
        if wide and name in doubtful:
            table.add_column(_unbiased(name), justify="right", no_wrap=True)
    for member in summary.front:
        step = summary.resolution.step_of(member.id)
        table.add_row(
            plain(member.id),
            *([str(step + 1)] if step is not None else []),
            *(plain(setting(member.config.get(name, ""))) for name in settings),
            *_cells(member, measures, doubtful if wide else ()),
            end_section=step is not None and member.id == summary.resolution.steps[step][-1],
        )
    table.add_section()
    for member in summary.baselines:
        seed = f" seed {member.config[STUDY_SEED]}" if STUDY_SEED in member.config else ""
        label = plain(f"{member.role} {member.config.get('architecture', member.id)}{seed}")
        table.add_row(
            label,
            *([""] * (len(settings) + steps)),
            *_cells(member, measures, doubtful if wide else ()),
            style="dim",
        )
    return table


def _short(name: str) -> str:
    return {"temperature": "T", "alpha": "α"}.get(name, name)


def _unbiased(name: str) -> str:
    """Name the column of what a model without a gap, or without class bias, shows at these sizes."""
    return "no class bias" if name.startswith("class_bias") else "equal rates"


def _cells(member: Member, measures: Sequence[str], doubtful: Collection[str]) -> list[str]:
    """Return the cells of a model: its measures, and after those in `doubtful` what a model without a gap shows."""
    cells = []
    for name in measures:
        text = measured(name, member.values[name]) if name in member.values else "–"
        doubt = member.doubts.get(name)
        if doubt is not None and math.isnan(doubt.low):
            doubt = None
        cells.append(text if doubt is None else f"{text} [{number(doubt.low)}, {number(doubt.high)}]")
        if name in doubtful:
            cells.append("" if doubt is None else f"{number(doubt.chance)}, {number(doubt.chance_high)}")
    return cells


def _chosen_by(run: Run, summary: Summary) -> list[str]:
    """Say what chose the members of the front, where the values on validation alone choose others."""
    chosen = {member.id for member in summary.front}
    if run.raw or chosen == set(summary.raw_front):
        return []
    missing = len(set(summary.raw_front) - chosen)
    rest = f"{missing} of them not shown here" if missing else "all of them shown here"
    return [
        "chosen by validation, corrected by training examples; validation alone chooses "
        f"{counted(len(summary.raw_front), 'student')}, {rest} (--raw)"
    ]


def _known(run: Run) -> list[str]:
    known = run.record.known
    trials = known.get("trials")
    told = counted(trials, "trial") if isinstance(trials, int) else f"{trials} trials"
    return [f"the sampler knows {told} of {known.get('run')}"] if known else []


def _notes(run: Run, summary: Summary) -> list[str]:
    notes = [
        *_trivial(summary, has_front=run.record.has_front),
        *remarks(summary.resolution),
        *(f"data: {line}" for line in summary.data),
    ]
    if run.record.constraints and run.record.has_front:
        notes.append(f"feasible: {'; '.join(_bounds(run.record.constraints, summary.trials))}")
    notes += [*_sizes(summary), *_weights(summary)]
    for name in summary.objectives:
        doubts = [m.doubts[name] for m in (*summary.front, *summary.baselines) if name in m.doubts]
        if not doubts:
            continue
        known = [doubt for doubt in doubts if not math.isnan(doubt.chance)]
        if known and run.record.has_front:  # the table of a study has a row for several models
            notes.append(f"{name}, {_unbiased(name)}: {_at_these_sizes(name, known[0])}")
        gaps = [gap for gap in (doubt.base_rate_gap for doubt in doubts) if gap is not None]
        if gaps and not math.isnan(gaps[0]):
            notes.append(
                f"{name}: the labels themselves differ by {number(gaps[0])}; a lower value requires wrong answers"
            )
    return notes


def _bounds(constraints: Sequence[Constraint], trials: Sequence[Member]) -> list[str]:
    """Return each bound, and how many of the trials done break it."""
    done = [trial for trial in trials if trial.state == "done"]
    told = []
    for bound in constraints:
        n = sum(bound.violation_in(trial.values) > 0 for trial in done)
        told.append(in_words(bound) + (f" (broken by {n:,} of {counted(len(done), 'trial')})" if n else ""))
    return told


def _sizes(summary: Summary) -> list[str]:
    """Return the validation sizes by group, and by class where there are few, and the rates that have no examples."""
    notes = []
    for attribute, groups in summary.group_classes.items():
        told = []
        for group, classes in groups.items():
            shown = f"{group} {sum(classes.values()):,}"
            if len(classes) <= _FEW_CLASSES:
                shown += f" ({', '.join(f'{name} {n:,}' for name, n in classes.items())})"
            told.append(shown)
        line = f"{attribute}: {', '.join(told)}"
        if summary.no_group[attribute]:
            line += f"; of no group {summary.no_group[attribute]:,}"
        if len(summary.classes) > _FEW_CLASSES:
            n, name, group = min((n, c, g) for g, by_class in groups.items() for c, n in by_class.items())
            line += f"; the smallest class of a group: {name} in {group}, {n:,}"
        notes.append(line)
    more = len(summary.undefined) - _MOST_UNDEFINED
    notes += [f"undefined: {line}" for line in summary.undefined[:_MOST_UNDEFINED]]
    return [*notes, f"undefined: {counted(more, 'more rate')}"] if more > 0 else notes


def _weights(summary: Summary) -> list[str]:
    """Return how large the weights of the architectures shown are, in one line."""
    found: dict[str, str] = {}
    for member in (*summary.front, *summary.baselines):
        if member.weights_bytes is not None:
            architecture = member.config.get("student" if member.role == "student" else "architecture")
            found[str(architecture)] = byte_size(member.weights_bytes)
    return (
        [f"weights on disk: {', '.join(f'{name} {size}' for name, size in found.items())}"] if found else []
    )


def _trivial(summary: Summary, *, has_front: bool) -> list[str]:
    """Name the models that know nothing of the single example: those on the front, baselines, and how many are off."""
    shown = [*summary.front, *summary.baselines]
    notes = [f"{member.id} {member.trivial}" for member in shown if member.trivial]
    front = {member.id for member in summary.front}
    done = [member for member in summary.trials if member.state == "done"]
    off = Counter(member.trivial for member in done if member.trivial and member.id not in front)
    of = counted(len(done), "trial")
    said = "not on the front: {n} of {of}; each {why}" if has_front else "in {n} of {of} the student {why}"
    return notes + [said.format(n=n, of=of, why=why) for why, n in off.items()]


def _at_these_sizes(name: str, first: Doubt) -> str:
    """Say what the two values mean that a model without a gap shows, with those of the first model as the example."""
    if name.startswith("class_bias"):
        model, sizes = "a student without any class bias", "these class sizes"
    else:
        equal = EQUAL_RATES[name.partition("@")[0]]
        model, sizes = f"a model with {equal} in all groups", "these group sizes"
    return (
        f"{model} shows {number(first.chance)} on average, up to {number(first.chance_high)} in 95 of 100 data sets of "
        f"{sizes} (at the rates of the first row)"
    )


def print_runs(folder: Path, *, as_json: bool) -> None:
    """List the runs in a folder, the oldest first."""
    rows: list[dict[str, Any]] = []
    for files in list_runs(folder) if folder.is_dir() else []:
        try:
            run = Run(files)
            status = run.status()
            rows.append(
                {
                    "name": status.name,
                    "state": status.state,
                    "created": run.record.created,
                    "data": run.record.dataset["name"],
                    "objectives": list(run.record.objectives),
                    "done": status.trials["done"],
                    "trials": status.budget,
                    "front": len(status.front),
                    "hypervolume": None if math.isnan(status.hypervolume) else status.hypervolume,
                    "damage": list(status.damage),
                }
            )
        except RunError as error:
            rows.append({"name": files.name, "state": "unreadable", "message": str(error)})
    if as_json:
        print_json(rows)
        return
    if not rows:
        narrate(f"no runs in {str(folder)!r}: start one with 'kdtune search'")
        return
    table = Table(pad_edge=False)
    for heading in ("run", "state", "started", "data", "objectives", "trials", "front", "hypervolume"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        if row["state"] == "unreadable":
            table.add_row(plain(row["name"]), row["state"], "", plain(row["message"]))
            continue
        started = datetime.fromtimestamp(row["created"]).strftime("%Y-%m-%d %H:%M")
        volume = row["hypervolume"]  # of a study None: it has no front
        done = f"{row['done']}/{row['trials']}" if row["trials"] else str(row["done"])
        objectives = ", ".join(row["objectives"])
        table.add_row(
            plain(row["name"]),
            plain(row["state"]),
            started,
            plain(row["data"]),
            plain(objectives),
            done,
            *(["–", "–"] if volume is None else [str(row["front"]), f"{volume:.4f}"]),
        )
    print_table(table)
    for row in rows:
        print_damage(row.get("damage", ()))


def print_spaces(name: str | None, *, schema: bool, as_json: bool) -> None:
    """List the ready spaces, or print one, or the schema of all."""
    import yaml

    from kdtune.space.reading import Space, parse_space, ready_spaces

    if schema:
        print_json(Space.model_json_schema())
        return
    ready = ready_spaces()
    if name is not None:
        if name not in ready:
            raise SpaceError(
                f"no ready space {name!r}{did_you_mean(name, ready)} (there are: {', '.join(ready)})"
            )
        if as_json:
            print_json(parse_space(yaml.safe_load(ready[name]), f"{name}.yaml").to_dict())
        else:
            print_data(ready[name], end="")
        return

    spaces = {key: parse_space(yaml.safe_load(text), f"{key}.yaml") for key, text in ready.items()}
    if as_json:
        print_json([{"name": key, **space.to_dict()} for key, space in spaces.items()])
        return
    table = Table(pad_edge=False)
    for heading in ("space", "purpose, duration, requirements"):
        table.add_column(heading)
    for key, space in spaces.items():
        table.add_row(key, space.about.strip())
    print_table(table)
    narrate("to start from one: kdtune spaces NAME > my.yaml; then: kdtune search my.yaml")


def print_table(table: Table) -> None:
    """Print a table on standard output; where the terminal is too narrow for it, it breaks the lines, not we."""
    console = stdout_console()
    roomy = console.options.update(max_width=_ANY_WIDTH)
    size = Measurement.get(console, roomy, table)
    needed = size.maximum if all(column.no_wrap for column in table.columns) else size.minimum
    console.width = max(console.width, needed)
    console.print(table)


def stdout_console() -> Console:
    """Return a console on standard output; without a terminal, it is wide enough for the tables.

    It does not interpret markup, because names from the data may look like markup.
    """
    stream = output()
    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)
