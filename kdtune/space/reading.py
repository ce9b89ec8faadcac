"""Reads search spaces: what a person writes in YAML or behind `--set`, checked; each problem told with its remedy."""

import datetime
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from kdtune.errors import InputError, SpaceError, did_you_mean, should_be
from kdtune.files import LARGEST_JSON, read_regular
from kdtune.space.choices import FORMS, SEARCHABLE, Choice, Pair, Range, extremes, number_of
from kdtune.space.files import FromFile, OwnNormalisation
from kdtune.space.schema import Budget, EarlyStopping, Resources, Space
from kdtune.space.study import IndividualSpec, StudySpec
from kdtune.text import shortened

__all__ = [
    "SEARCHABLE",
    "Choice",
    "EarlyStopping",
    "Pair",
    "Range",
    "Resources",
    "Space",
    "extremes",
    "parse_space",
    "plain_values",
    "read_space",
    "ready_spaces",
]

N = TypeVar("N", int, float)

STANDARD_INPUT = "-"
"""What names it, instead of a file."""

_MOST_PROBLEMS = 5
"""Told at once of one file."""


def parse_space(content: Any, source: str) -> Space:
    """Return the space that a YAML document holds.

    Args:
        content: what the YAML says: a mapping.
        source: name for messages: a file.

    Raises:
        SpaceError: naming each key that is wrong, and the remedy.
    """
    if not isinstance(content, dict):
        raise SpaceError(
            f"{source}: holds {_kind(content)}, not a search space (keys: {', '.join(Space.model_fields)})"
        )
    try:
        space = Space.model_validate(content)
        space.train_config()
        space.teacher_config()
    except ValidationError as error:
        lines = _readable(error)
        shown = lines if len(lines) <= _MOST_PROBLEMS else lines[: _MOST_PROBLEMS - 1]
        if len(shown) < len(lines):
            shown.append(f"and {len(lines) - len(shown)} more problems like these")
        raise SpaceError("\n".join(f"{source}: {line}" for line in shown)) from None
    except (InputError, TypeError, ValueError) as error:
        raise SpaceError(f"{source}: {error}") from None
    return space


def plain_values(content: Any, where: str = "space") -> Any:
    """Return what a program gives as YAML would hold it: arrays and tuples as lists, paths as texts.

    Args:
        where: name for messages.

    Raises:
        SpaceError: YAML has no form for something in it, and so the run's record has none.
    """
    if isinstance(content, Mapping):
        return {plain_values(key, where): plain_values(v, f"{where}.{key}") for key, v in content.items()}
    if isinstance(content, list | tuple | range):
        return [plain_values(value, where) for value in content]
    if isinstance(content, os.PathLike):
        return os.fspath(content)
    if hasattr(content, "tolist"):
        return content.tolist()
    if content is None or isinstance(content, str | int | float | datetime.date | BaseModel):
        return content
    raise SpaceError(
        f"{where}: a run can't keep {type(content).__name__}: give texts, numbers, lists and mappings; data in "
        "memory are handed over by themselves, kdtune.search(space, data=…)"
    )


def _kind(content: Any) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"


def _readable(error: ValidationError) -> list[str]:
    """Return one line a problem: the key, what is wrong, and what to write instead."""
    lines = []
    for problem in error.errors():
        parts = [str(part) for part in problem["loc"] if part not in FORMS]
        where = ".".join(parts)
        match problem["type"]:
            case "extra_forbidden":
                known = list(_model_at(problem["loc"]).model_fields)
                near = did_you_mean(parts[-1], known)
                lines.append(f"unknown key {where!r}{near} (known: {', '.join(known)})")
            case "missing":
                lines.append(f"{where}: missing")
            case "int_parsing" | "float_parsing" if plain := number_of(problem["input"]):
                if problem["type"] == "int_parsing" and float(plain).is_integer():
                    plain = str(int(float(plain)))
                lines.append(
                    f"{where}: {problem['input']!r} is not a number: YAML reads it as text, write {plain}"
                )
            case _ if where and (reason := should_be(problem)):
                lines.append(f"{where}: it {reason}, not {shortened(repr(problem['input']), 60)}")
            case _:
                text = problem["msg"].removeprefix("Value error, ")
                lines.append(f"{where}: {text}" if where else text)
    return lines


def _model_at(path: Sequence[str | int]) -> type[BaseModel]:
    """Return the section that refused the last part of a path."""
    if any(part in FORMS for part in path):
        return Range
    models: dict[str | int, type[BaseModel]] = {
        "budget": Budget,
        "early_stopping": EarlyStopping,
        "resources": Resources,
        "pairs": Pair,
        "student": FromFile,
        "teacher": OwnNormalisation,
        "study": IndividualSpec if len(path) > 2 else StudySpec,
    }
    return models.get(path[0], Space) if len(path) > 1 else Space


class _TwiceError(Exception):
    """A key is written twice in one mapping, of which YAML's readers take the second without a word."""

    def __init__(self, key: str, line: int) -> None:
        super().__init__(key)
        self.key, self.line = key, line


class _MisreadError(Exception):
    """YAML reads a number that no person would: `017` is 15 for it, and `1:30` is 90."""

    def __init__(self, text: str, number: object, line: int) -> None:
        super().__init__(f"YAML reads {text} as {number}: write that number, or quote {text} if it is a name")
        self.line = line


_MISREAD = re.compile(r"[-+]?0[0-7_]+|.*:.*")
"""Numbers to the base 8 and 60, as YAML 1.1 has them."""


class _Loader(yaml.SafeLoader):
    """Reads plain YAML, and refuses a key that is written twice, and numbers to the base 8 and 60."""

    def construct_yaml_int(self, node: Any) -> int:
        """Return a whole number."""
        return _as_meant(node, super().construct_yaml_int(node))

    def construct_yaml_float(self, node: Any) -> float:
        """Return a number."""
        return _as_meant(node, super().construct_yaml_float(node))

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping; keys that a merge (`<<`) brings in come later, and may be replaced."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise _TwiceError(key.value, key.start_mark.line + 1)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return node


def _as_meant(node: Any, number: N) -> N:
    if _MISREAD.fullmatch(node.value):
        raise _MisreadError(node.value, number, node.start_mark.line + 1)
    return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def read_space(name_or_file: str, overrides: Sequence[str] = ()) -> tuple[Space, str]:
    """Return the space of a file, or of a ready one by name, with `KEY=VALUE` overrides; and its short name.

    Args:
        name_or_file: `-` reads it from standard input.
        overrides: `KEY=VALUE`.

    Raises:
        SpaceError: there is no such file or name, it is not YAML, or a key is wrong.
    """
    path = Path(name_or_file)
    if name_or_file == STANDARD_INPUT:
        text, source = _standard_input(), "standard input"
    elif path.suffix in (".yaml", ".yml") or path.is_file():
        try:
            text = read_regular(path).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpaceError(f"{path}: not readable ({_reason(error)})") from None
        source = str(path)
    else:
        ready = ready_spaces()
        if name_or_file not in ready:
            raise SpaceError(
                f"no search space {name_or_file!r}{did_you_mean(name_or_file, ready)} "
                f"(ready ones: {', '.join(ready)}; or name a .yaml file)"
            )
        text, source = ready[name_or_file], f"{name_or_file}.yaml"
    try:
        content = yaml.load(text, _Loader)
    except RecursionError:
        raise SpaceError(f"{source}: nested too deeply to be a search space") from None
    except _TwiceError as error:
        raise SpaceError(f"{source}: line {error.line}: {error.key!r} is written twice: keep one") from None
    except _MisreadError as error:
        raise SpaceError(f"{source}: line {error.line}: {error}") from None
    except Exception as error:  # beside its own errors, PyYAML lets through what dates and numbers raise
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark is not None else ""
        raise SpaceError(f"{source}:{line} not YAML ({getattr(error, 'problem', None) or error})") from None
    if isinstance(content, dict):
        for override in overrides:
            _override(content, override)
    return parse_space(content, source), "search" if name_or_file == STANDARD_INPUT else Path(source).stem


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read(LARGEST_JSON).decode("utf-8")
    except (OSError, UnicodeDecodeError, AttributeError) as error:
        raise SpaceError(f"standard input: not readable ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8: save it so"  # as what PowerShell's > writes
    return getattr(error, "strerror", None) or str(error)


def _override(content: Any, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SpaceError(f"--set {override!r}: write KEY=VALUE, as in --set budget.trials=10")
    try:
        value = yaml.load(text, _Loader)
    except _TwiceError as error:
        raise SpaceError(f"--set {override!r}: {error.key!r} is written twice: keep one") from None
    except _MisreadError as error:
        raise SpaceError(f"--set {override!r}: {error}") from None
    except Exception:  # see `read_space`
        quoted = f"{key}={json.dumps(text, ensure_ascii=False)}"
        raise SpaceError(
            f"--set {override!r}: {text!r} is not a YAML value; a text with such signs needs quotes: --set {quoted!r}"
        ) from None
    *parents, last = key.split(".")
    for parent in parents:
        if not isinstance(content, dict):
            break
        if content.get(parent) is None:
            content[parent] = {}
        content = content[parent]
    if not isinstance(content, dict):
        raise SpaceError(f"--set {override!r}: {'.'.join(parents)!r} holds a value, not keys")
    content[last] = value


def ready_spaces() -> dict[str, str]:
    """Return the ready search spaces: name -> YAML text, with the default first."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "search_spaces"  # where a wheel was installed; in a clone it lies beside the package
    folder = inside if inside.is_dir() else package.with_name("search_spaces")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}
    return dict(sorted(texts.items(), key=lambda item: (item[0] != "default", item[0])))
