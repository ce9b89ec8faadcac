"""Names from data, wherever they are shown: none can control a terminal, browser, spreadsheet, card or LaTeX."""

import csv
import io
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune import text
from kdtune.errors import DataError, InputError, RunError
from kdtune.report.export.bundle.card import markdown
from kdtune.report.study.tables.rendering import Table, latex
from kdtune.runs.records import RunRecord
from kdtune.text import cell, file_name, plain, plain_lines

EVIL = (
    "\x1b]0;owned\x07\x1b[31mred",
    "\x9b2J\u202egnp.exe\u202c",
    "a\rb\nc",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "[bold]x[/bold] [/]",
    "$\\frac{$ \\input{/etc/passwd} %&_#{}~^",
    "](javascript:alert(1)) ![x](http://x/y.png) <b> `code` | **b** $x$",
    "../../etc/x",
)


@given(st.text())
def test_plain_text_prints_and_stays_told_apart(text: str) -> None:
    assert plain(text).isprintable()
    if text.isprintable():
        assert plain(text) == text
    assert all(line.isprintable() for line in plain_lines(text).split("\n"))


def test_different_names_stay_different() -> None:
    assert (
        len({plain(name) for name in (*EVIL, "a\x00", "a\x01", "a\u202e", "a\u202d", "a")}) == len(EVIL) + 5
    )


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    shown = cell(text)
    if shown.lstrip().startswith(("=", "@", "+", "-")):
        float(shown)


@pytest.mark.parametrize("number", ["-1", "+2.5", "-1e-3", "0.1", "−0.2", "white"])
def test_numbers_and_words_stay_what_they_are(number: str) -> None:
    assert cell(number) == number


@pytest.mark.parametrize("name", EVIL)
def test_a_file_name_names_a_file_in_its_folder(name: str) -> None:
    assert re.fullmatch(r"[\w-]+", file_name(name))


@pytest.mark.parametrize("name", EVIL)
def test_latex_sets_it_letter_by_letter(name: str) -> None:
    text = latex(name)
    assert text.isprintable()
    # What is left after the replacements of `latex` itself has no letter that LaTeX acts on.
    rest = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|ldots)\{\}"
        r"|\{[\[\]*]\}|\\[&%$#_{}]|\$[-\\a-z^2]+\$",
        "",
        text,
    )
    assert not set(rest) & set("\\&%$#_{}~^")


@pytest.mark.parametrize("name", EVIL)
def test_tables_of_a_study(name: str) -> None:
    table = Table("t", name, name, ["class", name], [[name, "-0.1 ± 0.2"]])
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert rows[1][1] == "-0.1 ± 0.2"
    assert not rows[1][0].startswith(("=", "+", "-", "@"))
    assert tags(table.html()) <= {"div", "table", "thead", "tbody", "tr", "th", "td", "p", "span"}


@pytest.mark.parametrize("name", EVIL)
def test_markdown_shows_it_letter_by_letter(name: str) -> None:
    from markdown_it import MarkdownIt

    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
        f"| a |\n|---|\n| {markdown(name)} |\n"
    )
    assert tags(html) <= {"table", "thead", "tbody", "tr", "th", "td"}, html


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def tags(html: str) -> set[str]:
    parser = _Tags()
    parser.feed(html)
    return parser.found


def test_names_in_a_record_are_plain(make_record: Any) -> None:
    record = RunRecord.read(make_record(classes=list(EVIL[:3]), attributes={"sex": list(EVIL[:3])}))
    assert all(name.isprintable() for name in (*record.classes, *record.attributes["sex"]))
    assert len(set(record.classes)) == 3
    with pytest.raises(RunError, match="damaged"):
        RunRecord.read(make_record(attributes={"a\x1b[2J": ["x"]}))


@pytest.fixture
def make_record(tmp_path: Path) -> Any:
    def make(**changes: Any) -> Path:
        record = {
            "name": "r", "kind": "sweep", "created": 0.0, "dataset": {"name": "d", "fingerprint": "f"},
            "classes": ["a"], "attributes": {},
            "objectives": ["accuracy"], "constraints": [], "pairs": [], "epochs": 1, "trials": 1, "minutes": None,
            "seed": 0, "space": {}, "versions": {}, "machine": {}, "schema": 1, **changes,
        }  # fmt: skip
        path = tmp_path / "run.json"
        path.write_text(json.dumps(record))
        return path

    return make


def test_a_data_set_with_such_an_attribute_is_refused() -> None:
    import torch

    from kdtune.data import Augmentation, Dataset, Split

    split = Split(torch.zeros(2, 1), torch.arange(2), {"a\x1b": torch.arange(2)})
    with pytest.raises(DataError, match=r"'a\\x1b'"):
        Dataset(
            name="d", classes=("x", "y"), attributes={"a\x1b": ("g", "h")}, train=split, validation=split,
            normalisation=None, augmentation=Augmentation(), preprocessing={}, fingerprint="", open_test=lambda: split,
        )  # fmt: skip


def test_status_of_a_run_with_such_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through the real reader and printer, as text and as JSON; rich would take `[/]` for its own markup."""
    from kdtune.cli import main
    from kdtune.fairness import count
    from kdtune.runs.measures.objectives import References
    from kdtune.runs.paths import RunFiles
    from kdtune.runs.records import ALL, Report
    from kdtune.runs.writer import RunWriter

    files = RunFiles(tmp_path / "r")
    files.root.mkdir()
    labels = np.arange(100) % 10
    groups = np.arange(100) // 10 % 10
    writer = RunWriter(files)
    writer.record(
        RunRecord(
            "r", "sweep", 0.0, {"name": EVIL[0], "fingerprint": "f"}, EVIL, {"[/x]": EVIL}, ("accuracy", "eod"), (),
            (EVIL[6],), 1, 2, None, 0, {}, {}, {},
        )
    )  # fmt: skip
    writer.run_state("running", EVIL[0])
    for k, guesses in enumerate((labels, (labels + (groups == 0)) % 10)):
        writer.model_started(f"t000{k}", "student", {"pair": EVIL[6], "temperature": 1.0, "lr": EVIL[0]}, 1)
        counts = {
            ALL: count(labels, guesses, n_classes=10),
            "[/x]": count(labels, guesses, groups, n_classes=10, n_groups=10),
        }
        writer.report(f"t000{k}", Report(1, counts, 0.0, 0.1, 0.5, 0.5, 0.01), References())
        writer.model_state(f"t000{k}", "done", EVIL[1])
    writer.close()
    for arguments in (["status"], ["status", "--json"], ["runs"], ["runs", "--json"]):
        where = [str(files.root)] if arguments[0] == "status" else ["--runs-dir", str(tmp_path)]
        assert main([*arguments, *where]) == 0
        out, err = capsys.readouterr()
        for shown in (out, err):
            assert all(line.isprintable() for line in shown.split("\n")), shown
        if "--json" in arguments:
            assert out.isascii()
            json.loads(out)


def test_errors_print_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kdtune.cli import main

    space = tmp_path / "x\x1b[31m.yaml"
    space.write_text(r'"\x1b]0;x\x07": 1')
    assert main(["search", str(space), "--runs-dir", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert all(line.isprintable() for line in err.split("\n"))
    assert "unknown key" in err


def test_a_figure_takes_such_names(tmp_path: Path) -> None:
    """matplotlib would typeset `$...$` as mathematics, and fail if it is not."""
    import xml.etree.ElementTree as ET

    from kdtune.report.drawing.style import look, new_figure, svg

    with look():
        figure = new_figure(4, 3)
        axes = figure.subplots()
        for k, name in enumerate(EVIL):
            axes.text(0, k / len(EVIL), plain(name))
        text = svg(figure, "x")
    found = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}
    assert "script" not in found
    assert "img" not in found


def test_a_space_may_name_modules_and_is_refused_until_the_user_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kdtune.cli import main

    space = tmp_path / "shared.yaml"
    space.write_text("imports: [evil_module]\ndataset: {name: x}\npairs: [a->b]\n")
    (tmp_path / "evil_module.py").write_text("import sys; sys.stderr.write('ran')")
    assert main(["search", str(space), "--runs-dir", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert "'evil_module': importing runs it; if you trust it, say --import evil_module" in said
    assert "ran" not in said
    assert not (tmp_path / "runs").exists()


def test_a_module_in_the_folder_of_the_data_is_not_imported(tmp_path: Path) -> None:
    """The driver starts in the user's folder, and that may be somebody else's data."""
    for name in ("torch", "yaml", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    (tmp_path / "x.yaml").write_text("dataset: {name: nothing}\npairs: [lenet5->lenet5]\n")
    script = Path(sys.executable).with_name("kdtune")
    ended = subprocess.run(
        [script, "search", "x.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert "unknown data set 'nothing'" in ended.stderr
    assert not (tmp_path / "ran").exists()


def test_only_the_plug_in_that_is_named_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    from kdtune import registry

    loaded = []

    class Point:
        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> str:
            loaded.append(self.name)
            return self.name

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point("mine"), Point("other")])
    things = registry.Registry[str]("thing", group="kdtune.things")
    with pytest.raises(
        InputError, match=r"unknown thing 'mein'; did you mean 'mine'\? \(known: mine, other\)"
    ):
        things.get("mein")
    assert loaded == []
    assert things.get("mine") == "mine"
    assert loaded == ["mine"]


def test_escapes_of_a_log_are_taken_out_whole() -> None:
    assert text.without_escapes("\x1b[31mred\x1b[0m") == "red"
    assert text.without_escapes("\x1b]0;title\x07name") == "name"
    assert text.without_escapes("a\x1b[2Jb\nc\td") == "ab\nc\td"


def test_numbers_and_durations() -> None:
    assert text.number(math.nan) == "undefined"
    assert text.number(12345.0) == "12,345"
    assert text.number(-0.0004) == text.number(-0.0) == "0.000"
    assert text.number(999.9996) == "1,000"
    assert text.number(842.0, text.digits_of("parameters")) == "842"
    assert text.number(0.5, text.digits_of("accuracy")) == "0.500"
    assert (text.counted(1, "trial"), text.counted(1200, "trial")) == ("1 trial", "1,200 trials")
    assert (text.counted(1, "class"), text.counted(2, "class")) == ("1 class", "2 classes")
    assert text.signed(-0.004, 2) == "0.00"
    assert text.signed(-0.5, 2) == "−0.50"
    assert text.signed(math.nan) == "–"
    assert text.duration(80) == "1:20 min"
    assert text.duration(math.inf) == "–"
