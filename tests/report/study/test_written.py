"""Tables, figures and page of made-up studies: few seeds, no variance, published values, hostile names."""

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from kdtune.fairness import holm
from kdtune.files import dumps
from kdtune.report.study import published
from kdtune.report.study.command import write_study
from kdtune.report.study.figures.all_figures import draw_all
from kdtune.report.study.page import differences, doubts, opening
from kdtune.report.study.record import as_record
from kdtune.report.study.results.reading import Study
from kdtune.report.study.statistics.significance import tally
from kdtune.report.study.tables.all_tables import all_tables
from kdtune.report.study.tables.classes import classes_table, floors_table
from kdtune.report.study.tables.groups import gaps_table, individual_table
from kdtune.report.study.tables.rendering import Table
from kdtune.text import cell
from tests.report.browser import laid_out, needs_chromium

PAPER = Path(__file__).parents[4] / "shared" / "PAPER.md"


def column(table: Table, name: str) -> list[str]:
    k = list(table.head).index(name)
    return [row[k] for row in table.rows]


# --- the paper's values beside ours


def test_published_classes_stand_beside_ours(made: Callable[..., Study]) -> None:
    study = made(dataset="cifar100", pair="resnet56->resnet20", temperatures=(2, 10, 20), attributes={})
    table = classes_table(study, study.series[0], "ratio")
    assert column(table, "accuracy, published") == ["70.87", "68.39", "68.63", "69.24", "–"]
    assert column(table, "#SC, published") == ["–", "–", "5", "22", "–"]
    assert column(table, "#TC, published") == ["–", "–", "15", "11", "–"]
    told = " ".join(differences(study))
    for difference in (
        "marked 'published'",
        "does not state optimiser",
        "epochs: 8, of teachers 12",
        "{'lr': 0.05}",
        "α = 0.8 (in the paper 0.8",
        "T² in the loss: False",
        "5 seeds (paper: 5)",
        "1,000 training examples",
        "level and correction of the paper are unknown",
    ):
        assert difference in told


@pytest.mark.parametrize(
    ("dataset", "pair", "temperatures", "marked"),
    [
        ("cifar100", "resnet56->resnet20", (2, 10), {"accuracy", "affected"}),
        ("cifar100", "resnet56->resnet20", (2.5, 11), set()),
        ("trifeature", "resnet20->lenet5", (2, 10), {"gaps", "individual"}),
        ("trifeature", "resnet8->lenet5", (2, 10), set()),
    ],
)
def test_published_values_are_marked_in_the_figures(
    made: Callable[..., Study], dataset: str, pair: str, temperatures: tuple[float, ...], marked: set[str]
) -> None:
    pictures = draw_all(made(dataset=dataset, pair=pair, temperatures=temperatures), "ratio")
    assert {p.name.partition("-")[0] for p in pictures if "as published" in p.caption} == marked


def test_published_gaps_and_individual_fairness(made: Callable[..., Study]) -> None:
    groups = {"color": ("red", "blue"), "texture": ("dots", "solid")}
    study = made(pair="resnet20->lenet5", temperatures=(1, 40), attributes=groups)
    gaps = gaps_table(study, study.series[0], "texture")
    assert column(gaps, "EOD, published") == ["1.07", "2.98", "2.74", "2.69"]
    assert column(gaps, "DPD, published") == ["3.76", "4.61", "4.28", "4.23"]
    individual = individual_table(study, study.series[0])
    assert column(individual, "I(f), published") == ["0.0160", "0.0462", "0.0422", "–"]


@pytest.mark.parametrize(
    "changes",
    [
        {"pair": "resnet8->lenet5"},
        {"dataset": "folder", "pair": "resnet20->lenet5"},
        {"pair": "resnet20->lenet5", "options": {"label": "texture"}},
    ],
)
def test_nothing_is_put_beside_another_pair_or_task(
    made: Callable[..., Study], changes: dict[str, str]
) -> None:
    study = made(**changes)
    for table in (
        classes_table(study, study.series[0], "ratio"),
        gaps_table(study, study.series[0], "color"),
        individual_table(study, study.series[0]),
    ):
        assert not [name for name in table.head if "published" in name]
    assert "no figures for these pairs" in differences(study)[0]


def test_published_values_are_those_of_the_notes() -> None:
    if not PAPER.is_file():
        pytest.skip("no ../shared/PAPER.md beside the repository")
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in PAPER.read_text("utf-8").splitlines()
        if line.startswith("|")
    ]
    classes = list(published.CLASSES.values())
    series, compared = {}, 0
    for row in rows:
        if len(row) == 5 and row[0] in ("teacher", "NDS"):
            values = [c.teacher if row[0] == "teacher" else c.nds for c in classes]
            assert [float(cell) for cell in row[1:]] == values
        elif len(row) == 5 and row[0].isdigit():
            for cell, found in zip(row[1:], classes, strict=True):
                accuracy, sc, tc = cell.split(",")
                assert found.students[float(row[0])] == (float(accuracy), int(sc), int(tc))
                compared += 1
        elif len(row) == 16 and row[0] != "series" and "-" not in row[0]:
            series[row[0]] = [float(cell) for cell in row[1:]]
    assert compared == 36
    names = {"celeba": "CelebA", "trifeature": "Trifeature", "hatexplain": "HateXplain"}
    for (dataset, attribute, gap), found in published.GAPS.items():
        shown = attribute.replace("color", "colour")
        label = f"{names[dataset]} {shown.title() if dataset == 'celeba' else shown} {gap.upper()}"
        assert series.pop(label) == [found.teacher, found.nds, *found.students.values()]
    assert not series
    text = PAPER.read_text("utf-8")
    for dataset, found in published.INDIVIDUAL.items():
        [line] = re.findall(rf"^- {names[dataset]}: (.*)$", text, re.MULTILINE)
        values = [float(value) for value in re.findall(r"\.\d+", line)]
        assert values == [found.teacher, found.nds, *found.students.values()]


# --- what can't be tested is said


def test_one_seed(made: Callable[..., Study]) -> None:
    study = made(seeds=1)
    table = classes_table(study, study.series[0], "ratio")
    assert column(table, "#SC")[2:] == ["no test"] * 3
    assert all("(one seed)" in cell for cell in column(table, "accuracy, %"))
    assert all(
        "no test with one seed" in row or "needs 4 seeds" in row[-1]
        for row in floors_table(study, study.series[0], "ratio").rows
    )
    assert any("one seed: no test" in line for line in doubts(study, "ratio"))


def test_no_variance(made: Callable[..., Study]) -> None:
    study = made(exact=True)
    table = classes_table(study, study.series[0], "raw")
    assert column(table, "#SC")[2:] == ["0 *"] * 3
    assert "no test of them is possible" in table.caption
    assert any("do not vary" in line for line in doubts(study, "raw"))
    tests = all_tables(study, "raw")
    [every] = [t for t in tests if t.name == "class-tests"]
    assert set(column(every, "p")) == {"no test"}


def test_few_classes_get_a_warning_and_the_counts_by_class_accuracy(made: Callable[..., Study]) -> None:
    """Of two classes one changes; the other's ratio changes with it."""
    study = made(classes=("a", "b"), right={"student": [0.9, 0.7], "nds": [0.7, 0.7]}, temperatures=(1,))
    table = classes_table(study, study.series[0], "ratio")
    assert column(table, "#SC")[2] == "2"
    assert column(table, "#SC, class accuracy")[2] == "1"
    assert "which then seem affected too" in table.caption
    assert any("which then seem affected too" in line for line in doubts(study, "ratio"))
    assert as_record(study, "ratio")["affected"][0]["uncorrected_by_class_accuracy"] == 1
    assert "#SC, class accuracy" not in classes_table(study, study.series[0], "raw").head


def test_many_classes_get_no_warning(made: Callable[..., Study]) -> None:
    study = made(classes=tuple("abcdefghij"))
    assert "#SC, class accuracy" not in classes_table(study, study.series[0], "ratio").head
    assert not any("seem affected too" in line for line in doubts(study, "ratio"))


def test_it_is_said_that_tests_are_about_these_examples(made: Callable[..., Study]) -> None:
    assert any("#SC and #TC speak of these test examples" in line for line in doubts(made(), "ratio"))


def test_trends_carry_p_and_holms_p(made: Callable[..., Study]) -> None:
    [table] = [t for t in all_tables(made(), "ratio") if t.name == "trends"]
    single, in_all = ([float(cell) for cell in column(table, name)] for name in ("p", "p Holm"))
    assert in_all == pytest.approx(holm(np.array(single)).tolist(), abs=0.01)


def test_gaps_carry_both_chance_values(made: Callable[..., Study]) -> None:
    study = made()
    table = gaps_table(study, study.series[0], "color")
    for both in column(table, "EOD with equal rates, %: mean, 95 of 100"):
        mean, high = map(float, both.split(", "))
        assert 0 < mean < high


def test_seeds_that_are_missing_are_counted(made: Callable[..., Study]) -> None:
    study = made()
    students = dict(study.series[0].students)
    students[2.0] = students[2.0][:1]
    series = type(study.series[0])(**{**vars(study.series[0]), "students": students})
    table = classes_table(study, series, "ratio")
    assert column(table, "seeds") == ["5", "5", "5", "1", "5"]
    assert column(table, "#SC")[3] == "no test"


# --- names from data


HOSTILE = ('<script>alert("x")</script>', "50 % & more_{}$x$ \\", "[red]*", "../../up", "two\nlines", "ünï中")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_hostile_names(made: Callable[..., Study], tmp_path: Path) -> None:
    study = made(
        classes=HOSTILE,
        attributes=dict.fromkeys((*HOSTILE, "../../UP"), ("a" * 300, HOSTILE[0])),
        seeds=2,
    )
    out = tmp_path / "run" / "study"
    tables = write_study(study, "ratio", out)
    assert {path.parent for path in tmp_path.rglob("*") if path.suffix in (".csv", ".tex", ".svg")} == {out}
    assert len(list(out.glob("gaps-*.tex"))) == len(study.attributes)
    parser = _Tags()
    page = (out / "report.html").read_text("utf-8")
    parser.feed(page)
    assert not parser.seen & {"script", "img", "iframe", "link", "object"}
    for path in out.glob("*.svg"):
        ElementTree.fromstring(path.read_bytes())
    for table in tables:
        body = table.latex().split("\\midrule\n")[1].split("\\bottomrule")[0]
        for line in body.splitlines():
            plain = re.sub(
                r"\\(textbackslash|textasciitilde|textasciicircum|text\w+)\{\}|\{[\[*]\}", "", line
            )
            plain = plain.replace("\\\\", "").replace(r"\_", "").replace(r"\&", "").replace(r"\%", "")
            plain = plain.replace(r"\$", "").replace(r"\{", "").replace(r"\}", "").replace(r"\#", "")
            assert not re.search(r"[#%_]", re.sub(r"\$[^$]*\$", "", plain)), line
            assert plain.count("&") == len(table.head) - 1
        cells = list(csv.reader(io.StringIO(table.csv())))
        assert cells == [list(map(cell, row)) for row in (table.head, *table.rows)]


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_no_table_of_a_study_has_to_be_scrolled(
    made: Callable[..., Study], width: int, tmp_path: Path
) -> None:
    write_study(made(), "ratio", tmp_path / "study")
    written = (tmp_path / "study" / "report.html").read_text("utf-8")
    assert "#TC, class accuracy" in written, "the widest table has all of its columns"
    assert laid_out(written, width, tmp_path) == (0, 0)


def test_words_about_a_figure_hold_at_every_width(made: Callable[..., Study]) -> None:
    """Below each other on a phone, its panels are neither left nor right."""
    for picture in draw_all(made(), "ratio"):
        assert not re.search(r"\b([Ll]eft|[Rr]ight):", picture.caption), picture.name


# --- for programs


def test_plain_numbers(made: Callable[..., Study]) -> None:
    study = made()
    record = json.loads(dumps(as_record(study, "difference")))
    assert record["null"] == "difference"
    assert record["settings"]["alpha"] == 0.8
    assert len(record["models"]) == 5 + 5 + 3 * 5
    first = record["models"][0]
    model = study.series[0].teachers[0]
    assert first["accuracy"] == model.counts["all"].accuracy
    assert first["eod@color"] == model.counts["color"].eod
    table = classes_table(study, study.series[0], "difference")
    counted = {(row["temperature"], row["test"]): row["uncorrected"] for row in record["affected"]}
    assert [str(counted[t, "SC"]) for t in (1, 2, 4)] == column(table, "#SC")[2:]
    assert record["floors"][0]["expected"]["raw"] > 0


def test_the_document_names_every_column_for_programs(made: Callable[..., Study]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "study.md").read_text(encoding="utf-8")
    study = made()
    tables = [table for table in all_tables(study, "ratio") if not table.page]
    assert {table.name for table in tables} == {"models", "class-accuracy", "class-tests", "disagreement"}
    for table in tables:
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{table.name}.csv` |")]
        for name in table.head:
            shown = re.sub(r"^(eod|dpd)@.*", r"\1@…", name)
            assert f"`{shown}`" in row, name


def test_the_first_sentences_carry_both_counts_of_few_classes(made: Callable[..., Study]) -> None:
    """By ratio, one class that changes takes the others with it; so the count by class accuracy stands beside."""
    study = made()
    [series, *_] = study.series
    alone = [
        tally(series.nds, series.students[t], null="raw", level=study.spec.level).n_raw
        for t in series.temperatures
    ]
    known = sorted({n for n in alone if n is not None})
    shown = str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
    said = opening(study, "ratio")[0]
    assert f"{shown} by class accuracy alone)" in said
    assert "found affected on these test examples" in said
    assert "by class accuracy alone" not in opening(study, "raw")[0]
    assert "on these test examples. Compared" in said, "the best T was chosen there"
