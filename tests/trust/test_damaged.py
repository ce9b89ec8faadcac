"""Every file that kdtune reads, damaged: it is read or refused."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trust.readers import READERS
from tests.trust.tried import tried

DEEP = 3_000
WEIRD: list[Any] = [
    None, True, -1, 0, 10**400, -(10**30), 1e308, 0.5, "", "x", "\x1b[2J", "../../etc/passwd", "9" * 5000, [], {}, [[]],
    {"a": {}}, [None], ["\ud800"], {"__class__": "os.system"}, list(range(50)),
]  # fmt: skip
STRUCTURED = [name for name in READERS if "json" in name.lower()]


@st.composite
def damage(draw: Any, content: bytes) -> bytes:
    """Cut short, flip bits, put bytes in between, repeat a part, or all of them."""
    how = draw(st.sampled_from(["cut", "flip", "insert", "double", "zero", "random"]))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    match how:
        case "cut":
            return content[:at]
        case "flip":
            flipped = bytearray(content)
            for _ in range(draw(st.integers(1, 4))):
                flipped[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
            return bytes(flipped)
        case "insert":
            return content[:at] + draw(st.binary(min_size=1, max_size=20)) + content[at:]
        case "double":
            return content[:at] + content
        case "zero":
            return content[:at] + b"\x00" * (len(content) - at)
    return draw(st.binary(max_size=200))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(
    name: str, data: st.DataObject, fresh: Callable[[str], Path]
) -> None:
    reader = READERS[name]
    path = fresh(name)
    path.write_bytes(data.draw(damage(path.read_bytes())))
    tried(reader, path)


def paths_of(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths_of(item, (*here, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return value


@pytest.mark.parametrize("name", STRUCTURED)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_of_another_kind_is_read_or_refused(
    name: str, data: st.DataObject, fresh: Callable[[str], Path]
) -> None:
    """Valid JSON in which one value is wrong or missing; some values are names that lead elsewhere."""
    reader = READERS[name]
    path = fresh(name)
    lines = path.read_text().splitlines()
    k = data.draw(st.integers(0, len(lines) - 1)) if path.suffix == ".jsonl" else 0
    record = json.loads(lines[k] if path.suffix == ".jsonl" else path.read_text())
    where = data.draw(st.sampled_from(paths_of(record)))
    text = json.dumps(replaced(record, where, data.draw(st.sampled_from(WEIRD))))
    if path.suffix == ".jsonl":
        lines[k] = text
        text = "\n".join(lines) + "\n"
    path.write_text(text)
    tried(reader, path)


@pytest.mark.parametrize("name", [*STRUCTURED, "a space"])
@pytest.mark.parametrize(
    "text",
    ["[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "9" * 100_000, "1e999999999"],
    ids=["lists", "objects", "digits", "exponent"],
)
def test_deep_nesting_and_huge_numbers_are_refused_at_once(name: str, text: str, fresh: Any) -> None:
    reader = READERS[name]
    path = fresh(name)
    path.write_text(text + "\n")
    tried(reader, path)
