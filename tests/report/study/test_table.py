"""Tables in three forms; text is escaped in each."""

from kdtune.report.study.tables.rendering import Table, latex


def test_latex_is_escaped() -> None:
    assert latex("a_b & 5 % {x} \\") == r"a\_b \& 5 \% \{x\} \textbackslash{}"


def test_forms_hold_the_same_cells() -> None:
    table = Table("t", "T", "c", ["model", "x"], [['a,"<b>', "1.0 ± 0.1"]])
    assert table.csv().splitlines() == ["model,x", '"a,""<b>",1.0 ± 0.1']
    assert r"1.0 $\pm$ 0.1" in table.latex()
    assert "&lt;b&gt;" in table.html()
    assert "<b>" not in table.html()
