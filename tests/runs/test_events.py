"""The state read from a file equals the fold of its single events, whatever the file contains."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.files import dumps
from kdtune.runs.events import _REPORT, StateReader, read_state
from kdtune.runs.jsonl import Tail, read_backwards, read_records
from kdtune.runs.state import RunState, fold

IDS = st.sampled_from(["t0000", "t0001", "nds-lenet5", "t9"])
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 10**25), st.none(), st.booleans()
)
ANYTHING = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=4)


def reports() -> Any:
    plain = st.fixed_dictionaries(
        {
            "t": st.floats(0, 1e10),
            "kind": st.just("report"),
            "id": IDS,
            "epoch": st.integers(0, 300),
            "seconds": st.floats(0, 1e6),
            "values": st.dictionaries(st.sampled_from(["accuracy", "eod", "eod@ra ce", "größe"]), NUMBERS),
        }
    )
    return plain | plain.flatmap(
        lambda event: st.dictionaries(st.sampled_from(list(event)), ANYTHING, max_size=2).map(
            lambda changed: {**event, **changed}
        )
    )


def others() -> Any:
    started = st.fixed_dictionaries(
        {
            "t": st.floats(0, 1e10), "kind": st.sampled_from(["trial", "baseline"]), "id": IDS,
            "model": st.just("student"), "config": st.just({"alpha": 0.5}), "epochs": st.just(3),
            "state": st.sampled_from(["running", "done", "failed"]),
        }
    )  # fmt: skip
    return started | st.dictionaries(st.sampled_from(["t", "kind", "id"]), ANYTHING)


LINES = st.one_of(
    reports().map(lambda e: dumps(e).encode()),
    others().map(lambda e: dumps(e).encode()),
    reports().map(lambda e: json.dumps(e).encode()),  # other spacing, NaN
    reports().map(lambda e: dumps(e).encode()[:-3] + b"}"),
    reports().map(lambda e: dumps(e).encode().replace(b":0", b":00")),
    reports().map(lambda e: dumps(e).encode().replace(b":", b":-")),
    reports().map(lambda e: dumps(e).encode().replace(b"}}", b",}}")),
    st.binary(max_size=8),
)


def same(a: RunState, b: RunState) -> bool:
    return repr(a) == repr(b)  # NaN is not equal to itself


@given(lines=st.lists(LINES, max_size=30), torn=st.binary(max_size=5))
def test_it_equals_the_fold_of_single_events(
    new_folder: Callable[[], Path], lines: list[bytes], torn: bytes
) -> None:
    path = new_folder() / "events.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + torn.replace(b"\n", b""))
    expected = fold(read_records(path))
    reader = StateReader(path)
    assert same(reader.update(), expected)
    tail = Tail(path)
    backwards = list(read_backwards(path))
    assert dumps(tail.read()[::-1]) == dumps(backwards)
    assert reader.tail.skipped == tail.skipped


STARTED = b'{"t":1.0,"kind":"trial","id":"t0","model":"student","config":{},"epochs":9,"state":"running"}'
SHORT = b'{"t":2.0,"kind":"report","id":"t0","epoch":1,"seconds":1.5,"values":{"eod":0.5}}'


@pytest.mark.parametrize(
    "line",
    [
        SHORT.replace(b":", b": ").replace(b"0.5", b"0.25"),  # the later one counts, however it is spaced
        SHORT.replace(b'"epoch":1', b'"epoch":00'),
        SHORT.replace(b"0.5}", b"0.5,}"),
        SHORT.replace(b'"eod":0.5', b'"eod":0.5"dpd":1'),
        SHORT.replace(b'"t":2.0', b'"t":-0'),
        SHORT.replace(b'"seconds":1.5', b'"seconds":-0'),
        SHORT.replace(b"1.5", b"[]"),
    ],
)
def test_lines_in_another_form_count_as_they_would_alone(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "events.jsonl"
    for lines in ([STARTED, SHORT, line], [STARTED, line, SHORT], [STARTED, SHORT, line, SHORT, line]):
        path.write_bytes(b"".join(item + b"\n" for item in lines))
        assert same(read_state(path), fold(read_records(path)))


def test_reading_continues_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = StateReader(path)
    assert same(reader.update(), RunState())
    events = [
        {"t": 1.0, "kind": "trial", "id": "t0000", "model": "student", "config": {}, "epochs": 9, "state": "running"},
        *(
            {"t": 2.0, "kind": "report", "id": "t0000", "epoch": k, "seconds": 1.5, "values": {"accuracy": k / 9}}
            for k in range(1, 9)
        ),
    ]  # fmt: skip
    for k, event in enumerate(events):
        with open(path, "a") as file:
            file.write(dumps(event) + "\n" + '{"torn"')
        assert same(reader.update(), fold(events[: k + 1]))
        path.write_text(path.read_text().removesuffix('{"torn"'))
    assert reader.state.trials["t0000"].seconds == 12.0


def test_the_writers_own_lines_take_the_short_way() -> None:
    """Otherwise reading would be slow, and no other test would notice."""
    values = {
        "accuracy": 1 / 3,
        "eod@sex*race": 1e-17,
        "dpd": math.nan,
        "latency": 12,
        "class_bias_nds": -0.5,
    }
    event = {"t": 1.5e9, "kind": "report", "id": "nds-mlp-16", "epoch": 7, "seconds": 0.25, "values": values}
    assert _REPORT.fullmatch(dumps(event).encode())


@pytest.mark.parametrize("size", [0, 1, 10, 3000, 70_000, 140_000])
def test_a_file_is_read_backwards_across_its_blocks(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.jsonl"
    records = [{"k": k, "x": "y" * (size if k % 3 else 1)} for k in range(30)]
    path.write_text("".join(dumps(record) + "\n" for record in records) + "torn" * size)
    assert list(read_backwards(path)) == records[::-1]
    assert list(read_backwards(tmp_path / "missing")) == []


def test_a_state_without_a_file_is_that_of_a_run_that_prepares(tmp_path: Path) -> None:
    assert same(read_state(tmp_path / "events.jsonl"), RunState())
