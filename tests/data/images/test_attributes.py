"""Sensitive attributes by file name: what a table may call an image, and what is refused with the name that is near."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kdtune.data import MISSING, Dataset, load
from kdtune.errors import DataError

CLASSES = ("cat", "dog")
N = 12


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, dtype=np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images whose value says which they are: 0 to 11 are cats, 100 to 111 dogs."""
    for c, name in enumerate(CLASSES):
        for k in range(N):
            picture(tmp_path / f"photos/{name}/{name}{k:02}.png", 100 * c + k)
    return tmp_path / "photos"


def paths(root: Path) -> list[str]:
    return sorted(file.relative_to(root).as_posix() for file in root.rglob("*.png"))


def sex_of(path: str) -> str:
    return "fm"[int(Path(path).stem[-2:]) % 2]


def table(root: Path, named: Callable[[str], str], column: str = "file", name: str = "people.csv") -> Path:
    rows = [{column: named(path), "sex": sex_of(path), "age": int(path[-6:-4])} for path in paths(root)]
    pd.DataFrame(rows).to_csv(root.parent / name, index=False)
    return root.parent / name


def loaded(root: Path, attributes: object, **options: object) -> Dataset:
    named = {"sensitive": "sex", "min_group": 1, "validation": 0.3, "test": 0.2, **options}
    return load("folder", path=root, attributes=attributes, **named)


def check(data: Dataset) -> None:
    """The image's own value says what its group must be."""
    for split in (data.train, data.validation, data.open_test()):
        values = split.inputs[:, 0, 0, 0] % 100
        assert split.groups["sex"].tolist() == (values % 2).tolist()


@pytest.mark.parametrize("column", ["file", "file_name"])
@pytest.mark.parametrize(
    "named",
    [
        lambda path: path,
        lambda path: f"./{path}",
        lambda path: f".//photos/./{path}".replace("/cat", "//cat"),
        lambda path: path.replace("/", "\\"),
        lambda path: path.rpartition("/")[2],
        lambda path: path.removesuffix(".png"),
        lambda path: path.rpartition("/")[2].removesuffix(".png"),
        lambda path: f"photos/{path}",
        lambda path: f"/home/somebody/else/photos/{path}",
        lambda path: f"C:\\data\\photos\\{path}".replace("/", "\\"),
        lambda path: f" {path} ",
    ],
)
def test_what_a_table_may_call_an_image(root: Path, column: str, named: Callable[[str], str]) -> None:
    check(loaded(root, table(root, named, column)))


def test_absolute_paths(root: Path) -> None:
    check(loaded(root, table(root, lambda path: str((root / path).resolve()))))


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_spellings_of_unicode(root: Path, on_disk: str, in_table: str) -> None:
    for path in paths(root):
        new = path.replace("cat/cat", "cat/Zoë_").replace("dog/dog", "dog/é")
        (root / path).rename(root / unicodedata.normalize(on_disk, new))
    check(loaded(root, table(root, lambda path: unicodedata.normalize(in_table, path))))


@pytest.mark.parametrize(
    ("named", "near"),
    [
        (lambda path: path.replace(".png", ".jpg"), "did you mean 'cat/cat00.jpg'"),
        (lambda path: path.upper(), "images have no row"),
        (lambda path: path.replace("cat/", "cats/"), "did you mean 'cats/cat00.png'"),
        (lambda path: path.replace("cat0", "cat-0").rpartition("/")[2], "did you mean 'cat-00.png'"),
        (lambda path: f"other/{path.rpartition('/')[2]}", "images have no row"),
    ],
)
def test_names_that_are_only_near_are_refused(root: Path, named: Callable[[str], str], near: str) -> None:
    with pytest.raises(DataError, match=near):
        loaded(root, table(root, named))


def test_a_name_that_could_be_two_images(root: Path) -> None:
    picture(root / "dog" / "cat00.png", 5)
    with pytest.raises(
        DataError,
        match=r"line 2 \(row 1\): 'cat00' could be any of 2 images \(cat/cat00\.png, dog/cat00\.png\)",
    ):
        loaded(root, table(root, lambda path: Path(path).stem))
    (root / "dog" / "cat00.png").unlink()
    picture(root / "cat" / "cat00.jpg", 5)
    with pytest.raises(DataError, match="'cat00' could be any of 2 images"):
        loaded(root, table(root, lambda path: Path(path).stem))


def test_two_rows_for_an_image_by_different_names(root: Path) -> None:
    path = table(root, lambda path: path)
    path.write_text(path.read_text() + "cat03,f,1\n")
    with pytest.raises(
        DataError, match=r"line 26 \(row 25\): cat/cat03\.png is named twice \(first in .*line 5"
    ):
        loaded(root, path)


def test_rows_that_name_no_image_are_counted(root: Path) -> None:
    path = table(root, lambda path: path)
    path.write_text(path.read_text() + "cat/gone.png,f,1\nfish/f.png,m,2\n")
    data = loaded(root, path)
    check(data)
    assert data.notes[-1] == "attributes: there is no image in the folder for 2 rows"


def test_neither_column_of_names(root: Path) -> None:
    with pytest.raises(
        DataError, match="no column 'file', named by 'file or file_name'; did you mean 'filename'"
    ):
        loaded(root, table(root, lambda path: path, "filename"))


def write_metadata(folder: Path, kind: str, images: list[str]) -> None:
    """In Hugging Face's form: names are relative to the folder of the table."""
    rows = [{"file_name": image, "sex": sex_of(image), "caption": "x"} for image in images]
    if kind == "jsonl":
        (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    elif kind == "parquet":
        pd.DataFrame(rows).to_parquet(folder / "metadata.parquet")
    else:
        pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_metadata_as_hugging_face_has_it(root: Path, kind: str) -> None:
    write_metadata(root, kind, paths(root))
    data = loaded(root, None)
    check(data)
    assert f"attributes from {root}/metadata.{kind}" in data.notes
    check(loaded(root, root / f"metadata.{kind}"))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_metadata_in_each_split(root: Path, kind: str) -> None:
    both = root.parent / "both"
    for split in ("train", "test"):
        for path in paths(root):
            (both / split / path).parent.mkdir(parents=True, exist_ok=True)
            (both / split / path).write_bytes((root / path).read_bytes())
        write_metadata(both / split, kind, paths(root))
    check(loaded(both, None))
    check(loaded(both, [both / "test" / f"metadata.{kind}", both / "train" / f"metadata.{kind}"]))
    with pytest.raises(DataError, match="24 of 48 images have no row"):
        loaded(both, both / "train" / f"metadata.{kind}")


def test_metadata_that_is_damaged(root: Path) -> None:
    write_metadata(root, "jsonl", paths(root))
    lines = (root / "metadata.jsonl").read_text().splitlines()
    for wrong in ("{", "[1]", "7"):
        (root / "metadata.jsonl").write_text("\n".join([*lines[:4], wrong, *lines[5:]]))
        with pytest.raises(DataError, match=r"metadata\.jsonl, line 5: is no JSON object"):
            loaded(root, None)
    (root / "metadata.jsonl").write_text(
        "\n".join([*lines[:4], '{"file_name": "x", "sex": "f", "sex": "m"}'])
    )
    with pytest.raises(DataError, match=r"metadata\.jsonl, line 5: the key 'sex' is written twice"):
        loaded(root, None)
    (root / "metadata.jsonl").write_text("\n")
    with pytest.raises(DataError, match="the table has no rows"):
        loaded(root, None)
    (root / "metadata.jsonl").unlink()
    with pytest.raises(DataError, match="sex must come from a CSV: give its path as `attributes`"):
        loaded(root, None)


def test_a_value_that_jsonl_leaves_out_is_missing(root: Path) -> None:
    write_metadata(root, "jsonl", paths(root))
    rows = [json.loads(line) for line in (root / "metadata.jsonl").read_text().splitlines()]
    del rows[0]["sex"]
    rows[1]["sex"] = None
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = loaded(root, None)
    codes = [split.groups["sex"] for split in (data.train, data.validation, data.open_test())]
    assert sum(int((code == MISSING).sum()) for code in codes) == 2


def test_a_line_of_jsonl_ends_at_a_line_feed_alone(root: Path) -> None:
    """A caption may hold what Python takes for further line ends, and JSON need not escape them."""
    write_metadata(root, "jsonl", paths(root))
    rows = [json.loads(line) for line in (root / "metadata.jsonl").read_text().splitlines()]
    rows[0]["caption"] = "one\u2028two\u2029three\x85four"
    lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (root / "metadata.jsonl").write_text(lines, "utf-8")
    check(loaded(root, None))


def test_ages_in_bins(root: Path) -> None:
    path = table(root, lambda path: path)
    data = loaded(root, path, sensitive=["age", "sex*age"], bins={"age": [4, 7.5]}, validation=0.5)
    assert data.attributes["age"] == ("<4", "4-7.5", ">=7.5")
    assert data.attributes["sex*age"][:3] == ("f*<4", "f*4-7.5", "f*>=7.5")
    for split in (data.train, data.validation, data.open_test()):
        ages = split.inputs[:, 0, 0, 0] % 100
        assert split.groups["age"].tolist() == np.digitize(ages, [4, 7.5]).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": {"age": [7, 3]}}, "bins of 'age' must be ascending edges"),
        ({"bins": {"age": []}}, "bins of 'age' must be ascending edges"),
        (
            {"bins": {"sex": [1]}, "sensitive": "sex"},
            r"line 2 \(row 1\): 'f' in column 'sex', which has bins, is no number",
        ),
        (
            {"bins": {"ages": [3]}},
            "'bins' names 'ages', which is not among the sensitive columns; did you mean 'age'",
        ),
    ],
)
def test_bins_that_do_not_fit(root: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        loaded(root, table(root, lambda path: path), **{"sensitive": "age", **options})


def test_too_many_ages_advise_bins_that_work(tmp_path: Path) -> None:
    """What the message advises can be done."""
    lines = ["file,age"]
    for k in range(120):
        picture(tmp_path / f"faces/{'ab'[k % 2]}/{k:03}.png", k)
        lines.append(f"{k:03}.png,{k}")
    (tmp_path / "faces.csv").write_text("\n".join(lines))
    options = {
        "path": tmp_path / "faces",
        "attributes": tmp_path / "faces.csv",
        "sensitive": "age",
        "min_group": 1,
    }
    with pytest.raises(
        DataError, match=r"120 different values, too many for groups: give `bins: \{age: \[edge"
    ):
        load("folder", **options)
    data = load("folder", **options, bins={"age": [40, 80]})
    assert data.attributes == {"age": ("<40", "40-80", ">=80")}


def test_a_table_in_another_form(root: Path) -> None:
    """Each option that a table's message names is one of `folder`, and does what the message says."""
    path = table(root, lambda path: path)
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(DataError, match='set `separator: ";"`'):
        loaded(root, path)
    check(loaded(root, path, separator=";"))
    path.write_bytes(path.read_text().replace("sex", "größe").encode("latin-1"))
    with pytest.raises(DataError, match="set `encoding: "):
        loaded(root, path, separator=";", sensitive="größe")
    assert loaded(root, path, separator=";", encoding="latin-1", sensitive="größe").attributes == {
        "größe": ("f", "m")
    }
    lines = [line.replace(".png;f;", ".png;unknown;") for line in path.read_text("latin-1").splitlines()]
    path.write_text("\n".join(lines[1:]))
    options = {
        "separator": ";",
        "header": "none",
        "columns": ["file", "sex", "age"],
        "missing": ["unknown", 7],
    }
    with pytest.raises(DataError, match="'sex' has one group only, 'm'"):
        loaded(root, path, **options)
    data = loaded(root, path, **options, sensitive="age", bins={"age": [5]}, groups={"age": [">=5", "<5"]})
    assert data.attributes == {"age": (">=5", "<5")}
    ages = data.train.inputs[:, 0, 0, 0] % 100
    codes = np.where(ages == 7, MISSING, np.where(ages < 5, 1, 0))
    assert data.train.groups["age"].tolist() == codes.tolist()


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_an_option_of_delimited_text_is_refused_for_another_table(root: Path, suffix: str) -> None:
    path = root.parent / f"people.{suffix}"
    frame = pd.read_csv(table(root, lambda path: path))
    frame.to_json(path, orient="records", lines=True) if suffix == "jsonl" else frame.to_parquet(path)
    check(loaded(root, path))
    with pytest.raises(
        DataError, match=rf"people\.{suffix}: separator is for delimited text, and this is none"
    ):
        loaded(root, path, separator=";")


@pytest.mark.parametrize("written", [["0", "1"], [0, 1], [1.0, 0.0]])
def test_groups_match_by_number(root: Path, written: list[object]) -> None:
    path = table(root, lambda path: path)
    path.write_text(path.read_text().replace(",f,", ",0,").replace(",m,", ",1.0,"))
    data = loaded(root, path, groups={"sex": written})
    first = int(float(str(written[0])))
    assert data.attributes["sex"] == (str(first), str(1 - first))
    values = data.train.inputs[:, 0, 0, 0] % 2
    assert data.train.groups["sex"].tolist() == (values if first == 0 else 1 - values).tolist()
