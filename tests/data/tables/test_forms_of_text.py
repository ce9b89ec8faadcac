"""One table, written in all ways that programs write text: read as the same, or refused with the option that helps."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from kdtune.errors import DataError
from tests.data.tables.conftest import Load, Write

Make = Callable[[pd.DataFrame], str | bytes]


def plain(people: pd.DataFrame, **options: Any) -> str:
    return people.to_csv(index=False, **options)


def lines(people: pd.DataFrame, change: Callable[[int, str], str]) -> str:
    """Return the plain CSV with each line changed; the header is number 0."""
    return "\n".join(change(k, line) for k, line in enumerate(plain(people).splitlines())) + "\n"


def as_r_writes(people: pd.DataFrame, separator: str = " ", names: Callable[[int], str] = str) -> str:
    """Return what R's write.table writes: strings in quotes, row names, and no name for these."""
    rows = [separator.join(f'"{name}"' for name in people.columns)]
    for k, row in enumerate(people.itertuples(index=False), start=1):
        cells = [f'"{cell}"' if isinstance(cell, str) else str(cell) for cell in row]
        rows.append(separator.join([f'"{names(k)}"', *cells]))
    return "\n".join(rows) + "\n"


def aligned(people: pd.DataFrame) -> str:
    """Return the table in columns of equal width, as for people's eyes."""
    jobs = people.assign(job=people["job"].str.replace(", ", "-"))
    return jobs.to_string(index=False) + "\n"


READ: dict[str, tuple[Make, dict[str, Any]]] = {
    "a byte-order mark": (lambda p: b"\xef\xbb\xbf" + plain(p).encode(), {}),
    "a byte-order mark and quotes": (lambda p: b"\xef\xbb\xbf" + plain(p, quoting=csv.QUOTE_ALL).encode(), {}),
    "lines that end as in Windows": (lambda p: plain(p, lineterminator="\r\n"), {}),
    "lines that end as in old Macs": (lambda p: plain(p, lineterminator="\r"), {}),
    "no line end at the end": (lambda p: plain(p).rstrip("\n"), {}),
    "blank lines": (lambda p: lines(p, lambda k, line: line + "\n" if k % 50 == 0 else line), {}),
    "rows of nothing but commas": (lambda p: plain(p) + ",,,,\n, , ,,\n", {}),
    "all cells in quotes": (lambda p: plain(p, quoting=csv.QUOTE_ALL), {}),
    "blanks after commas": (lambda p: lines(p, lambda _, line: re.sub(r",(?! )", ", ", line)), {}),
    "blanks before commas": (lambda p: lines(p, lambda _, line: re.sub(r"(?<![\"]),(?! )", " ,", line)), {}),
    "a comma at the end of every row": (lambda p: lines(p, lambda k, line: line + "," * (k > 0)), {}),
    "two commas at the end of every row": (lambda p: lines(p, lambda k, line: line + ",," * (k > 0)), {}),
    "a comma at the end of every line": (lambda p: lines(p, lambda _, line: line + ","), {}),
    "a comma and a blank at the end": (lambda p: lines(p, lambda k, line: line + ", " * (k > 0)), {}),
    "the index of to_csv": (lambda p: p.to_csv(), {}),
    "the index of to_csv, twice": (lambda p: p.assign(**{"Unnamed: 0": range(300)})[["Unnamed: 0", *p]].to_csv(), {}),
    "row names that count": (lambda p: p.to_csv(index_label=False), {}),
    "row names that count from one": (lambda p: p.set_axis(range(1, 301)).to_csv(index_label=False), {}),
    "R's write.table": (as_r_writes, {"separator": " "}),
    "R's write.table with commas": (lambda p: as_r_writes(p, ","), {}),
    "R's write.table with tabs": (lambda p: as_r_writes(p, "\t"), {"separator": "\t"}),
    "R's write.table with names": (lambda p: as_r_writes(p, ",", lambda k: f"person {k}"), {}),
    "R's write.csv": (lambda p: p.set_axis(range(1, 301)).to_csv(quoting=csv.QUOTE_NONNUMERIC), {}),
    "semicolons": (lambda p: plain(p, sep=";"), {"separator": ";"}),
    "semicolons and decimal commas": (lambda p: plain(p, sep=";", decimal=","), {"separator": ";", "decimal": ","}),
    "decimal commas in quotes": (lambda p: plain(p, decimal=","), {"decimal": ","}),
    "tabs": (lambda p: plain(p, sep="\t"), {"separator": "\t"}),
    "tabs, spelled out": (lambda p: plain(p, sep="\t"), {"separator": "tab"}),
    "bars": (lambda p: plain(p, sep="|"), {"separator": "|"}),
    "Excel's hint": (lambda p: "sep=;\n" + plain(p, sep=";"), {"separator": ";"}),
    "Excel's hint of commas": (lambda p: "sep=,\n" + plain(p), {}),
    "UTF-16": (lambda p: plain(p).encode("utf-16"), {"encoding": "utf-16"}),
    "UTF-16 without a mark": (lambda p: plain(p).encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "UTF-16 with a mark, order said": (lambda p: b"\xff\xfe" + plain(p).encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "no header": (
        lambda p: plain(p, header=False),
        {"header": "none", "columns": ["age", "hours", "job", "sex", "income"]},
    ),
    "comments": (lambda p: "# of 2020\n" + plain(p) + "# the end\n", {"comment": "#"}),
    "blanks, also at the end of some rows": (
        lambda p: lines(p.assign(job=p["job"].str.replace(", ", "-")), lambda k, line: line.replace(",", " ") + " " * (k % 3)).replace("clerk-office", '"clerk, office"'),
        {"separator": " "},
    ),
    "columns in another order": (lambda p: plain(p[["income", "sex", "age", "hours", "job"]]), {}),
    "numbers with zeros behind": (lambda p: plain(p.assign(hours=p["hours"].map("{:.3f}".format))), {}),
    "numbers with a plus": (lambda p: plain(p.assign(age=p["age"].map("+{}".format))), {}),
    "numbers with exponents": (lambda p: plain(p.assign(hours=p["hours"].map("{:e}".format))), {}),
}  # fmt: skip


@pytest.mark.parametrize("form", READ)
def test_a_form_that_is_read(
    form: str, people: pd.DataFrame, write: Write, load_people: Load, right: str
) -> None:
    make, options = READ[form]
    assert load_people(write(make(people)), **options).fingerprint == right


def test_columns_for_the_eye(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    plainly = people.assign(job=people["job"].str.replace(", ", "-"))
    expected = load_people(write(plain(plainly), "plain.csv")).fingerprint
    assert load_people(write(aligned(people), "people.txt"), separator=" ").fingerprint == expected


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso8859-15", "utf-8", "mac-roman"])
def test_letters_in_an_encoding(encoding: str, people: pd.DataFrame, write: Write, load_people: Load) -> None:
    accented = people.assign(job=people["job"].str.replace("cook", "Köchin é"))
    expected = load_people(write(plain(accented), "right.csv"))
    data = load_people(write(plain(accented).encode(encoding)), encoding=encoding)
    assert data.fingerprint == expected.fingerprint
    assert "Köchin é" in data.preprocessing["columns"][2]["categories"]


def test_accents_in_one_character_or_two_are_the_same(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    jobs = people["job"].where(people["job"] != "cook", "Ko\u0308chin")
    mixed = people.assign(job=jobs.where(people.index % 2 == 0, jobs.str.replace("o\u0308", "\u00f6")))
    data = load_people(write(plain(mixed)))
    assert data.preprocessing["columns"][2]["categories"] == ["K\u00f6chin", "clerk, office", "smith"]


REFUSED: dict[str, tuple[Make, str]] = {
    "the label twice": (lambda p: plain(pd.concat([p, p[["income"]]], axis=1)), r"'income'.*columns 5, 6"),
    "the label twice but for a blank": (lambda p: plain(p.assign(**{" income": p["income"]})), r"'income'.*columns 5, 6"),
    "a feature twice": (lambda p: plain(pd.concat([p, p[["age"]]], axis=1)), r"'age'.*columns 1, 6"),
    "a feature twice but for a blank": (lambda p: plain(p.assign(**{"age ": p["age"]})), r"'age'.*columns 1, 6"),
    "a feature twice but for a mark": (lambda p: plain(p.assign(**{"\ufeffage": 1})), r"'age'.*columns 1, 6"),
    "a feature twice in quotes": (lambda p: plain(p.assign(**{" job": 1}), quoting=csv.QUOTE_ALL), r"'job'.*columns 3, 6"),
    "a feature three times": (lambda p: plain(pd.concat([p, p[["age"]], p[["age"]]], axis=1)), r"3 columns.*'age'.*1, 6, 7"),
    "the sensitive column twice": (lambda p: plain(pd.concat([p, p[["sex"]]], axis=1)), r"'sex'.*columns 4, 6"),
    "the sensitive column twice but for a blank": (lambda p: plain(p.assign(**{"\tsex": 1})), r"'sex'.*columns 4, 6"),
    "names in other code points": (lambda p: plain(p.assign(**{"\u00e9": 1, "e\u0301": 2})), r"'\u00e9'.*columns 6, 7"),
    "a comma at the end of one row": (lambda p: lines(p, lambda k, line: line + "," * (k == 7)), "line 8: 6 cells, but the header names 5"),
    "a comma at the end of all rows but one": (lambda p: lines(p, lambda k, line: line + "," * (k not in (0, 7))), "line 2: 6 cells, but the header names 5"),
    "a comma in every text": (lambda p: plain(p).replace('"', "").replace("cook", "cook, head").replace("smith", "smith, iron"), "line 2: 6 cells"),
    "a comma in every text of rows with a number": (
        lambda p: plain(p.assign(id=range(300))[["id", "age", "sex", "income"]].assign(street="x, y")).replace('"', ""),
        "line 2: 6 cells, but the header names 5",
    ),
    "a name before rows that end with a comma": (lambda p: lines(p, lambda k, line: f"{k},{line}," if k else line), "line 2: 7 cells"),
    "row names of which the last cell is empty": (lambda p: p.assign(note=None).to_csv(index_label=False), "line 2: 7 cells, but the header names 6"),
    "row names that are twice": (lambda p: p.set_axis([1] * 300).to_csv(index_label=False), "line 2: 6 cells"),
    "a short row": (lambda p: lines(p, lambda k, line: line.rpartition(",")[0] if k == 7 else line), "line 8: 4 cells, but the header names 5"),
    "short rows only": (lambda p: lines(p, lambda k, line: line.rpartition(",")[0] if k else line), "line 2: 4 cells, but the header names 5"),
    "a footer": (lambda p: plain(p) + "300 rows\n", "line 302: 1 cell,"),
    "a title": (lambda p: "People of 2020\n" + plain(p), "line 2: 5 cells, but the header names one column"),
    "the header again": (lambda p: plain(p) + plain(p), "line 302: this repeats the header"),
    "the header again, after a mark": (lambda p: plain(p) + "\ufeff" + plain(p), "line 302: this repeats the header"),
    "the header again, with blanks": (lambda p: plain(p) + plain(p).replace(",sex", ", sex "), "line 302: this repeats the header"),
    "semicolons": (lambda p: plain(p, sep=";"), r'set `separator: ";"`'),
    "semicolons and decimal commas": (lambda p: plain(p, sep=";", decimal=","), r'set `separator: ";"`'),
    "semicolons, and a comma in a name": (lambda p: plain(p.rename(columns={"age": "age, years"}), sep=";").replace('"', ""), r'set `separator: ";"`'),
    "tabs": (lambda p: plain(p, sep="\t"), r'set `separator: "\\t"`'),
    "bars": (lambda p: plain(p, sep="|"), r'set `separator: "\|"`'),
    "R's write.table": (as_r_writes, r'set `separator: " "`'),
    "Excel's hint": (lambda p: "sep=;\n" + plain(p, sep=";"), r'line 1.*set `separator: ";"`'),
    "Excel's hint of tabs": (lambda p: '"sep=\t"\n' + plain(p, sep="\t"), r'line 1.*set `separator: "\\t"`'),
    "Latin-1": (lambda p: plain(p.assign(job="Köchin")).encode("latin-1"), r"line 2: the byte 0xf6.*`encoding: cp1252`.*latin-1"),
    "Latin-1 in the header": (lambda p: plain(p.rename(columns={"age": "Größe"})).encode("latin-1"), r"line 1: the byte 0xf6.*`encoding"),
    "UTF-16": (lambda p: plain(p).encode("utf-16"), "set `encoding: utf-16`"),
    "UTF-16, the other way round": (lambda p: plain(p).encode("utf-16-be"), "set `encoding: utf-16-be`"),
    "UTF-32": (lambda p: plain(p).encode("utf-32"), "set `encoding: utf-32`"),
    "Shift-JIS": (lambda p: plain(p.assign(job="料理人")).encode("shift-jis"), r"is not utf-8: set `encoding: latin-1` if"),
    "a tar archive": (lambda p: b"people.csv".ljust(257, b"\0") + b"ustar\0" + bytes(300), "a tar archive: unpack it"),
    "lz4": (lambda p: b"\x04\x22\x4d\x18" + b"x" * 40, "lz4: unpack it"),
    "an old pickle": (lambda p: b"\x80\x02}q\x00" + bytes(40), "a Python pickle"),
    "a table of a web page": (lambda p: p.to_html(), "a table of a web page"),
    "a cell that is too long": (lambda p: lines(p, lambda k, line: line.replace("cook", "x" * 140_000)), r"line \d+: a cell is longer than 131,072 characters"),
    "tildes": (lambda p: plain(p, sep="~"), r'set `separator: "~"`'),
    "colons": (lambda p: plain(p, sep=":"), r'set `separator: ":"`'),
    "a control character between cells": (lambda p: plain(p.assign(job="x"), sep="\x01"), r"columns: age\x01.*name that character under `separator`"),
    "a comment": (lambda p: "# of 2020\n" + plain(p), 'line 2: 5 cells.*set `comment: "#"`'),
    "a comment with commas": (lambda p: "% a, b, c\n" + plain(p), 'line 2: 5 cells.*set `comment: "%"`'),
    "a comment at the end": (lambda p: plain(p) + "-- 300 rows\n", 'line 302: 1 cell.*set `comment: "--"`'),
    "no header": (lambda p: plain(p, header=False), r"no column 'income'.*set `header: none` and `columns: \[name, …\]` \(5 names\)"),
    "a quote that opens": (lambda p: lines(p, lambda k, line: f'"{line}' if k == 7 else line).replace('"clerk, office"', "clerk"), "line 8: a quote opens here and never closes"),
    "a quote that opens and closes 40 rows on": (
        lambda p: lines(p.assign(job="x"), lambda k, line: {7: line.replace("no", '"no').replace("yes", '"yes'), 47: f'{line}"'}.get(k, line)),
        "line 8: a quote opens here and closes 40 lines later",
    ),
    "a quote that opens and closes in the next row": (
        lambda p: lines(p.assign(job="x"), lambda k, line: {7: line.replace("x", '"x'), 8: line.replace("x", 'x"')}.get(k, line)),
        "line 8: a quote opens here and closes 1 line later",
    ),
    "more behind a quote": (lambda p: lines(p, lambda k, line: line.replace("cook", '"co"ok')), r"line \d+: text follows the closing quote of a cell"),
    "a zero byte": (lambda p: plain(p) + "1,2,co\0ok,F,no\n", "line 302: a zero byte"),
    "zero bytes at the start": (lambda p: plain(p).replace("cook", "co\0ok"), "holds zero bytes"),
    "a picture": (lambda p: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "it is not text"),
    "nothing": (lambda p: "", "it is empty"),
    "blank lines alone": (lambda p: "\n\n \n", "it is empty"),
    "a header alone": (lambda p: "age,sex,income\n", "no rows"),
    "Excel": (lambda p: b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "an Excel workbook: save it as CSV"),
    "old Excel": (lambda p: b"\xd0\xcf\x11\xe0" + bytes(100), "an Excel workbook: save it as CSV"),
    "a zip archive": (lambda p: b"PK\x03\x04" + bytes(26) + b"people.csv", "a zip archive: unpack it"),
    "gzip": (lambda p: b"\x1f\x8b\x08" + bytes(20), "gzip: unpack it"),
    "ARFF": (lambda p: "% people\n\n@RELATION people\n@ATTRIBUTE age NUMERIC\n", "an ARFF file"),
    "Stata": (lambda p: stata(p), "a Stata file"),  # noqa: PLW0108
    "old Stata": (lambda p: stata(p, version=114), "a Stata file"),
    "SPSS": (lambda p: b"$FL2@(#) SPSS DATA FILE", "an SPSS file"),
    "JSON": (lambda p: p.to_json(orient="records"), "JSON"),
    "JSON, a value a line": (lambda p: p.to_json(orient="columns", indent=1), "JSON"),
    "a web page": (lambda p: "<!DOCTYPE html>\n<html>404</html>", "a web page"),
    "a pointer of Git LFS": (lambda p: "version https://git-lfs.github.com/spec/v1\noid x\n", "git lfs pull"),
}  # fmt: skip


def stata(people: pd.DataFrame, version: int = 118) -> bytes:
    file = io.BytesIO()
    people.to_stata(file, version=version)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("form", REFUSED)
def test_a_form_that_is_refused(form: str, people: pd.DataFrame, write: Write, load_people: Load) -> None:
    make, message = REFUSED[form]
    with pytest.raises(DataError, match=message) as caught:
        load_people(write(make(people)))
    assert "people.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": ";;"}, "separator: ';;' is not one character"),
        ({"separator": "a"}, "separator: 'a' is a character of the cells"),
        (
            {"separator": ";"},
            r'line 1: there is no ";" in it; "," cuts the lines into 5 cells.*`separator: ","`',
        ),
        ({"encoding": "latin-99"}, "encoding: 'latin-99' is unknown"),
        ({"encoding": "base64"}, "encoding: 'base64' is unknown"),
        ({"encoding": "a\0b"}, "encoding: .* is unknown"),
        ({"encoding": "latin-1"}, "seems to be UTF-8, not LATIN-1: leave `encoding` out"),
        ({"encoding": "cp1252"}, "seems to be UTF-8, not CP1252: leave `encoding` out"),
        (
            {"decimal": ","},
            r"line 2 \(row 1\): '\d+\.\d' in column 'hours' is no number: if the point.*leave `decimal` out",
        ),
        ({"encoding": "ascii"}, "seems to be UTF-8, not ASCII: leave `encoding` out"),
        ({"decimal": ";"}, "option 'decimal'"),
        ({"header": "none"}, "name the columns"),
        ({"columns": ["a", "b"]}, "set `header: none`"),
        ({"header": "none", "columns": ["a", "b"]}, "line 1: 5 cells, but `columns` names 2"),
        ({"header": "none", "columns": ["a", "a"]}, "columns: 'a' is named twice"),
        ({"header": "none", "columns": ["age", "hours", "job", "sex", "income"]}, "line 1: this is a header"),
        ({"comment": " "}, "comment: write what comment lines begin with"),
        ({"seperator": ";"}, "no option 'seperator'; did you mean 'separator'"),
        ({"path": "peple.csv"}, r"there is no such file; did you mean 'people\.csv'"),
        ({"path": "nowhere/people.csv"}, "there is no folder 'nowhere'"),
        ({"path": "."}, "is a folder"),
    ],
)
def test_an_option_that_is_wrong(
    options: dict[str, Any],
    message: str,
    people: pd.DataFrame,
    write: Write,
    load_people: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(plain(people.assign(job=people["job"].str.replace("cook", "Köchin").str.replace(",", ""))))
    monkeypatch.chdir(path.parent)
    with pytest.raises(DataError, match=message):
        load_people(path, **options)


def test_names_that_are_twice_do_not_matter_where_they_are_not_used(
    people: pd.DataFrame, write: Write, load_people: Load, right: str
) -> None:
    path = write(plain(people.assign(note="x").pipe(lambda p: pd.concat([p, p[["note"]]], axis=1))))
    assert load_people(path, drop=["note"]).fingerprint == right
    assert load_people(path, features=["age", "hours", "job"]).fingerprint == right


def test_a_cell_may_have_several_lines(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    text = plain(people.assign(job=people["job"].str.replace("cook", "cook\nand waiter"), age=range(300)))
    data = load_people(write(text), drop=["age"])
    assert "cook\nand waiter" in data.preprocessing["columns"][1]["categories"]
    wrong = text.replace("\n299,", "\n-,")
    line = wrong[: wrong.index("\n-,") + 1].count("\n") + 1
    with pytest.raises(DataError, match=rf"line {line} \(row 300\): '-'"):
        load_people(write(wrong))


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_the_mark_of_an_encoding_counts_more_than_the_option(
    mark: bytes, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    encoding = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}[mark]
    path = write(mark + plain(people).encode(encoding))
    with pytest.raises(DataError, match=f"seems to be {encoding[:6].upper().rstrip('-')}, not LATIN-1"):
        load_people(path, encoding="latin-1")


@pytest.mark.parametrize("family", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_the_mark_says_the_order_of_bytes(
    order: str, family: str, people: pd.DataFrame, write: Write, load_people: Load, right: str
) -> None:
    path = write(("\ufeff" + plain(people)).encode(f"{family}-{order}"))
    for encoding in (family, f"{family}-{order}"):
        assert load_people(path, encoding=encoding).fingerprint == right
    with pytest.raises(DataError, match=f"seems to be {family.upper()}, not .*set `encoding: {family}`"):
        load_people(path, encoding=f"{family}-{'be' if order == 'le' else 'le'}")


@pytest.mark.parametrize("column", ["age", "job", "income"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_in_a_name_is_a_blank(
    column: str, end: str, people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    """Excel writes such headers; the name has one line, however it is asked for."""
    named = plain(people.rename(columns={column: f"{column}{end}(of 2020)"}), lineterminator=end)
    expected = people.rename(columns={column: f"{column} (of 2020)"})
    right = load_people(write(plain(expected), "one_line.csv"), label=expected.columns[4])
    for label in {expected.columns[4], expected.columns[4].replace(" ", "\n")}:
        data = load_people(write(named), label=label)
        assert (data.fingerprint, data.notes) == (right.fingerprint, right.notes)


def test_lines_in_cells_of_the_first_and_the_last_column(
    people: pd.DataFrame, write: Write, load_people: Load
) -> None:
    """Their line breaks are not those of a quote that swallows rows, which has the separators of a row around it."""
    expected = load_people(write(plain(people), "one_line.csv"))
    jobs = people.assign(job=people["job"] + "\nby trade\nor not")
    for order in (["job", "age", "hours", "sex", "income"], ["sex", "income", "age", "hours", "job"]):
        data = load_people(write(plain(jobs[order])))
        assert data.train.labels.tolist() == expected.train.labels.tolist()
        assert data.train.inputs.sum() == pytest.approx(float(expected.train.inputs.sum()), abs=1e-2)


def test_what_was_left_out_is_told(people: pd.DataFrame, write: Write, load_people: Load) -> None:
    def left_out(content: str, **options: Any) -> str:
        (part,) = [p for p in load_people(write(content), **options).notes[0].split("; ") if "left out" in p]
        return part

    assert left_out(people.to_csv()) == "left out: Unnamed: 0 (index)"
    assert (
        left_out(plain(people.assign(note="x")) + ",,,,,\n", drop=["note"])
        == "left out: note (dropped), 1 empty row"
    )
    assert left_out("#\n#\n" + plain(people), comment="#") == "left out: 2 comment lines"
    assert left_out(people.to_csv(index_label=False)) == "left out: the row names"
    assert (
        left_out(lines(people, lambda k, line: line + "," * (k > 0)))
        == "left out: the empty cell at each row's end"
    )
    assert left_out(lines(people, lambda _, line: line + ",")) == "left out: column 6 (no name, no values)"
    assert (
        left_out(plain(people), features=["age"])
        == "left out: hours (not under features), job (not under features)"
    )


@pytest.mark.parametrize(
    ("written", "asked", "offered"),
    [
        ("utf-16-le", "utf-16", "utf-16-le"),
        ("utf-16-be", "utf-16", "utf-16-be"),
    ],
)
def test_the_encoding_that_is_offered_is_the_file_s(
    written: str, asked: str, offered: str, people: pd.DataFrame, write: Write, load_people: Load, right: str
) -> None:
    path = write(
        people.assign(job=people["job"].str.replace("cook", "K\u00f6chin"))
        .to_csv(index=False)
        .encode(written)
    )
    with pytest.raises(DataError, match=f"`encoding: {offered}`"):
        load_people(path, encoding=asked)
    assert "job: 3" in load_people(path, encoding=offered).notes[0]
