"""Makes the reference pages from the code: the parser's commands, the space's schema, the loaders' signatures."""

import argparse
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from kdtune.cli import parser as parser_of
from kdtune.data.registry import datasets
from kdtune.distill.config import MEASURED, TrainConfig
from kdtune.space.choices import SEARCHABLE, Pair, Range
from kdtune.space.files import FromFile, OwnNormalisation, TeacherSpec
from kdtune.space.schema import Budget, EarlyStopping, Resources, Space
from kdtune.space.study import IndividualSpec, StudySpec

Row = tuple[str, str, str, str]
"""Key, values, default, meaning."""

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "budget": Budget,
    "early_stopping": EarlyStopping,
    "resources": Resources,
    "teacher": TeacherSpec,
    "teacher.normalisation": OwnNormalisation,
    "student": FromFile,
    "study": StudySpec,
    "study.individual": IndividualSpec,
}


_CELL = (str, int, float, bool, date)
_PLAIN = {
    "int": "whole number",
    "float": "number",
    "str": "text",
    "bool": "true or false",
    "Path": "path",
    "dict": "keys with values",
    "Mapping": "keys with values",
}


def commands() -> str:
    """Return the page of the command line: every command, with every option."""
    parser = parser_of()
    lines = ["# Command line", "", _text(parser.description), "", _text(parser.epilog), ""]
    for name, summary, command in _commands(parser):
        lines += [
            f"## kdtune {name}",
            "",
            _text(command.description) or f"{summary[0].upper()}{summary[1:]}.",
            "",
        ]
        lines += ["| argument | meaning |", "|---|---|"]
        for action in command._actions:
            lines.append(f"| {_argument(action)} | {_cell(_text(action.help))} |")
        lines.append("")
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield name, summaries.get(name, name), command


def _argument(action: argparse.Action) -> str:
    names = action.option_strings or [str(action.metavar or action.dest).upper()]
    value = ""
    if action.option_strings and action.nargs != 0:
        shown = action.metavar or (
            "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        )
        value = f" {shown}"
    return ", ".join(f"`{name}{value}`" for name in names)


def search_space() -> str:
    """Return the page of the search space: every key of every section."""
    lines = [
        "# Search space",
        "",
        "A search space is one YAML file. Unknown keys are refused, and so are values of another kind.",
        "`kdtune spaces --schema` prints the same as a JSON schema, with which editors complete spaces.",
        "",
        *_table("## Top level", Space, skip=tuple(_SECTIONS)),
    ]
    lines += [
        "Sections of their own: " + ", ".join(f"[`{name}`](#{_slug(name)})" for name in _SECTIONS) + ".",
        "",
    ]
    lines += [
        "## dataset",
        "",
        "`name`, and the options of that data set: [a table for each](datasets.md).",
        "",
        *_table("## pairs, one by one", Pair),
        *_table("## search: a range", Range),
        "An entry of `search` is a value, a list of values, or a range. These settings can be searched, beside those "
        "of a [loss](../losses.md): " + ", ".join(f"`{name}`" for name in SEARCHABLE) + ".",
        "",
        "## train",
        "",
        _sentence(TrainConfig) + " `teacher` may replace each of them for teachers. The number of epochs is "
        "`budget.epochs`.",
        "",
        *_rows(_of_dataclass(TrainConfig, skip=("epochs",))),
    ]
    for name, section in _SECTIONS.items():
        lines += _table(f"## {name}", section)
    return "\n".join(lines)


def dataset_options() -> str:
    """Return the page of the data sets: every option of every loader."""
    lines = [
        "# Options of each data set",
        "",
        "What `dataset` in a search space may say beside `name`. The tables are the loaders' own signatures.",
        "",
    ]
    for name in datasets:
        loader = datasets.get(name)
        if not loader.__module__.startswith("kdtune."):
            continue
        meanings = described(loader, "Args")
        hints = typing.get_type_hints(loader, include_extras=True)
        rows = [
            (
                key,
                kind(hints.get(key, Any)),
                "needed" if parameter.default is parameter.empty else _value(parameter.default),
                meanings.get(key, ""),
            )
            for key, parameter in inspect.signature(loader).parameters.items()
        ]
        lines += [f"## {name}", "", _prose(loader), "", *_rows(rows)]
    return "\n".join(lines)


def described(documented: Any, heading: str) -> dict[str, str]:
    """Return what a docstring's section says of each name; a line may be about several."""
    text = inspect.getdoc(documented) or ""
    found = re.search(rf"^{heading}:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    meanings: dict[str, str] = {}
    if found:
        names: list[str] = []
        for line in found[1].splitlines():
            begun = re.match(r"    (\w+(?:, \w+)*): (.*)", line)
            if begun:
                names = begun[1].split(", ")
                meanings |= dict.fromkeys(names, begun[2])
            else:
                for name in names:
                    meanings[name] += f" {line.strip()}"
    return {name: meaning.strip() for name, meaning in meanings.items()}


def _table(heading: str, model: type[BaseModel], skip: tuple[str, ...] = ()) -> list[str]:
    meanings: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base.__module__.startswith("kdtune."):
            meanings |= described(base, "Attributes")
    hints = typing.get_type_hints(model, include_extras=True)
    rows = [
        (
            name,
            kind(hints[name], field.metadata),
            "needed"
            if field.default is PydanticUndefined and field.default_factory is None
            else _value(field.default),
            meanings.get(name, ""),
        )
        for name, field in model.model_fields.items()
        if name not in skip and name != "dataset"
    ]
    return [heading, "", _sentence(model), "", *_rows(rows)]


def _of_dataclass(kind_of: type[Any], skip: tuple[str, ...]) -> list[Row]:
    meanings = described(kind_of, "Attributes")
    hints = typing.get_type_hints(kind_of, include_extras=True)
    return [
        (
            f.name,
            kind(hints[f.name]) + (" or `auto`" if f.name in MEASURED else ""),
            "`auto`" if f.name in MEASURED else "needed" if f.default is MISSING else _value(f.default),
            meanings.get(f.name, ""),
        )
        for f in fields(kind_of)
        if f.name not in skip
    ]


def _rows(rows: list[Row]) -> list[str]:
    lines = ["| key | values | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{key}` | {_cell(values)} | {_cell(default)} | {_cell(text)} |"
        for key, values, default, text in rows
    ]
    return [*lines, ""]


def kind(hint: Any, bounds: Any = ()) -> str:
    """Return a type as a person says it: `number, 1 or more`, `a or b`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return kind(arguments[0], arguments[1:])
    if origin is typing.Literal:
        return " or ".join(f"`{_word(value)}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return _either([part for part in arguments if part is not type(None)], bounds)
    name = getattr(origin or hint, "__name__", str(hint))
    if name in ("list", "Sequence", "tuple"):
        return f"list of {kind(arguments[0])}" if arguments else "list"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return "section"
    return _PLAIN.get(name, name) + _bounds(bounds)


def _either(hints: list[Any], bounds: Any) -> str:
    if {date, str, int} <= set(hints):  # whatever a table's cell may hold
        return " or ".join(["a value of the table", *(kind(h) for h in hints if h not in _CELL)])
    parts = list(dict.fromkeys(kind(part, bounds) for part in hints))
    if "number" in parts and "whole number" in parts:
        parts.remove("whole number")
    return " or ".join(parts)


def _bounds(metadata: Any) -> str:
    told = []
    for item in metadata or ():
        for inner in getattr(item, "metadata", [item]):
            for key, words in (("ge", "from {}"), ("gt", "above {}"), ("le", "up to {}"), ("lt", "below {}")):
                value = getattr(inner, key, None)
                if isinstance(value, int | float):
                    told.append(words.format(f"{value:g}"))
    return f" {' '.join(dict.fromkeys(told))}" if told else ""


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see there"
    if value is None or value in ("", (), []):
        return "none"
    if isinstance(value, list | tuple) and len(value) > 13:
        return f"{len(value)} values"
    if isinstance(value, dict):
        return f"`{', '.join(f'{k}: {_flat(v)}' for k, v in value.items())}`" if value else "none"
    return f"`{_flat(value)}`"


def _flat(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{" + ", ".join(f"{k}: {_flat(v)}" for k, v in value if v is not None) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flat, value))}]"
    return _word(value)


def _word(value: Any) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _prose(documented: Any) -> str:
    """Return a docstring without its sections."""
    return re.split(r"\n(?:Args|Attributes|Raises|Returns):\n", inspect.getdoc(documented) or "")[0].strip()


def _sentence(documented: Any) -> str:
    return _prose(documented).split("\n\n")[0].replace("\n", " ")


def _text(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip().replace("%%", "%")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _slug(name: str) -> str:
    return name.replace(".", "").replace(" ", "-")
