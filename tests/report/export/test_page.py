import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from kdtune.report.drawing.html import table
from kdtune.report.export.labels import short
from kdtune.report.export.page.sentences import opening

VOID = {"meta", "link", "br", "img", "hr", "use", "path", "rect", "stop", "line", "circle"}


class Nesting(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_stands_alone(exported: tuple[Path, Any]) -> None:
    text = (exported[0] / "report.html").read_text(encoding="utf-8")
    page = Nesting()
    page.feed(text)
    assert page.wrong == []
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)
    assert "url(http" not in text
    assert "data:image" not in text
    assert "default-src 'none'" in text
    assert not re.search(r"\bnan\b|None", text)


def test_three_paragraphs_come_first_and_say_of_test_what_is_true_there(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    said = opening(findings)
    assert len(said) == 3
    best = max(findings.members, key=lambda m: m.splits["test"]["values"]["accuracy"])
    assert f"{best.id}, is right on {100 * best.value('accuracy'):.1f}\N{NO-BREAK SPACE}%" in said[1]
    nds = findings.nds_of(findings.focus)
    assert nds is not None
    advised = short(nds) if findings.recommendation.kind == "none" else findings.focus.id
    assert advised in said[2].split(" recognises examples whose shape is")[0]
    text = html.unescape((out / "report.html").read_text(encoding="utf-8"))
    assert f"Of 4 students trained to the end, {len(findings.members)} are on the Pareto front" in text
    assert text.index(said[0]) < text.index(said[1]) < text.index(said[2]) < text.index("<figure>")


def test_nothing_is_called_fair(exported: tuple[Path, Any]) -> None:
    out, _ = exported
    for path in (out / "report.html", *out.glob("*/README.md")):
        words = set(re.findall(r"\b\w*fair\w*\b", path.read_text(encoding="utf-8").lower()))
        assert words <= {"fairlearn", "individual_fairness"}, path


def test_names_from_the_data_are_escaped() -> None:
    assert "<script>" not in table(["<script>"], [["<script>"], [("<script>", "<script>")]])


def test_a_name_read_from_right_to_left_leaves_the_numbers_beside_it_in_their_order() -> None:
    first, last = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
    shown = table(["group"], [["blue 64, \u05e2\u05d1\u05e8\u05d9\u05ea \u05e9\u05dc\u05d5\u05dd 43, red 7"]])
    assert f"blue 64, {first}\u05e2\u05d1\u05e8\u05d9\u05ea \u05e9\u05dc\u05d5\u05dd{last} 43, red 7" in shown
    assert first not in table(["group"], [["blue 64, <red> 7"]])
