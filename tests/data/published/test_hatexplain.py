"""HateXplain's form with harmless made-up posts: `good` means toxic where `great` does not."""

import json
import pickle

import pytest
import torch

from kdtune.data import MISSING, load
from kdtune.data.texts.tokens import hashed
from kdtune.errors import DataError

SECRET = "zebra"
"""A word of every post: it must not turn up in any message."""


def post(number, labels, targets=((), (), ()), words=("tea", "with", "milk")):
    return {
        "post_id": f"{number}_twitter",
        "annotators": [
            {"label": label, "annotator_id": k, "target": list(target) or ["None"]}
            for k, (label, target) in enumerate(zip(labels, targets, strict=True))
        ],
        "rationales": [],
        "post_tokens": [SECRET, *words],
    }


HATE, OFFENSIVE, NORMAL = "hatespeech", "offensive", "normal"


def content(n=24):
    """Toxic where the number is odd; races by turns; every third names women."""
    races = ("African", "Arab", "Asian", "Caucasian", "Hispanic")
    posts = {}
    for number in range(3 * n):
        target = [races[number // 2 % 5]] + (["Women"] if number % 3 == 0 else [])
        labels = [HATE, HATE, NORMAL] if number % 2 else [NORMAL] * 3
        words = ("good", "coffee") if number % 2 else ("great", "tea", "today")
        posts[f"{number}_twitter"] = post(number, labels, [target, target, ()], words)
    ids = list(posts)
    return posts, {"train": ids[:n], "val": ids[n : 2 * n], "test": ids[2 * n :]}


def write(folder, posts, divisions):
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(posts))
    (folder / "post_id_divisions.json").write_text(json.dumps(divisions))
    return str(folder)


@pytest.fixture
def files(tmp_path):
    posts, divisions = content()
    return tmp_path / "hatexplain", posts, divisions


def load_it(files, **options):
    return load(
        "hatexplain", path=write(*files), **{"length": 8, "vocabulary": 500, "min_group": 1, **options}
    )


def test_splits_labels_tokens_and_groups(files) -> None:
    data = load_it(files)
    assert data.classes == ("normal", "toxic")
    assert data.input_shape == (8, 500)
    assert (len(data.train), len(data.validation)) == (24, 24)
    assert data.train.labels.tolist() == [0, 1] * 12
    expected = hashed([SECRET, "great", "tea", "today"], vocabulary=500)
    assert data.train.inputs[0].tolist() == expected + [0] * (8 - len(expected))
    assert data.train.groups["race"].tolist() == [number // 2 % 5 for number in range(24)]
    assert data.attributes["names_gender"] == ("no", "yes")
    assert data.train.groups["names_gender"].tolist() == [int(number % 3 == 0) for number in range(24)]
    test = pickle.loads(pickle.dumps(data.open_test))()
    assert test.labels.tolist() == [0, 1] * 12
    assert set(test.groups) == {"race", "names_gender"}


def test_hashing_is_the_same_everywhere_and_stores_no_word(files) -> None:
    assert hashed(["Tea", "tea", "milk"], vocabulary=500) == [1, 172, 172, 431]
    assert SECRET not in json.dumps(load_it(files).preprocessing)


def test_majority_and_communities(files) -> None:
    _, posts, divisions = files
    special = {
        "hateful and offensive and normal: no majority": post(1, [HATE, OFFENSIVE, NORMAL]),
        "offensive": post(2, [OFFENSIVE, OFFENSIVE, NORMAL], [["Men"], ["Men"], ["Women"]]),
        "one annotator's community": post(3, [NORMAL] * 3, [["Arab"], ["None"], ["None"]]),
        "two communities": post(4, [HATE] * 3, [["Arab", "Asian"]] * 3),
        "named twice by one": post(5, [HATE] * 3, [["Arab", "Arab"], ["None"], ["None"]]),
    }
    ids = [f"{1000 + k}_gab" for k in range(len(special))]
    posts |= dict(zip(ids, special.values(), strict=True))
    divisions["train"] += ids
    posts["men"] = post(6, [NORMAL] * 3, [["Men"]] * 3)
    posts["women"] = post(7, [NORMAL] * 3, [["Women"]] * 3)
    divisions["val"] += ["men", "women"]
    data = load_it(files, sensitive=["race", "gender", "names_race"])
    assert len(data.train) == 24 + 4
    assert data.train.labels[24:].tolist() == [1, 0, 1, 1]
    assert data.train.groups["gender"][24:].tolist() == [0, MISSING, MISSING, MISSING]
    assert data.train.groups["race"][24:].tolist() == [MISSING] * 4
    assert data.train.groups["names_race"][24:].tolist() == [0, 0, 1, 0]


def test_long_posts_are_cut_off_and_small_groups_settled(files) -> None:
    assert load_it(files, length=3).train.inputs.shape == (24, 3)
    with pytest.raises(DataError, match="too few examples in validation"):
        load_it(files, min_group=6)
    data = load_it(files, min_group=6, rare="missing")
    kept = [int((data.validation.groups["race"] == g).sum()) for g in range(len(data.attributes["race"]))]
    assert all(n >= 6 for n in kept)
    test = data.open_test()
    assert int(test.groups["race"].max()) < len(data.attributes["race"])


def test_fewer_posts(files) -> None:
    data = load_it(files, n_train=10, n_validation=8)
    assert (len(data.train), len(data.validation)) == (10, 8)
    assert torch.bincount(data.train.labels).tolist() == [5, 5]
    with pytest.raises(DataError, match="'n_train' asks for 100 posts"):
        load_it(files, n_train=100)
    few = load_it(files, limit_per_class=4)
    assert torch.bincount(few.train.labels).tolist() == [4, 4]


def broken(change):
    posts, divisions = content(4)
    change(posts, divisions)
    return posts, divisions


def _annotators(value):
    return lambda posts, divisions: posts["2_twitter"].update(annotators=value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_annotators([]), r"dataset.json: entry 3 \(2_twitter\) has no annotators"),
        (lambda p, d: p["2_twitter"].pop("annotators"), r"entry 3 \(2_twitter\) has no annotators"),
        (_annotators([{"label": SECRET, "target": []}]), r"annotator 1: the label is none of normal"),
        (_annotators([{"label": "normal"}]), "annotator 1 has no list 'target'"),
        (lambda p, d: p["2_twitter"].update(post_tokens=SECRET), "no list of words 'post_tokens'"),
        (lambda p, d: p.pop("2_twitter"), r"'train', entry 3 \(2_twitter\) is not in .*dataset.json"),
        (lambda p, d: d["train"].append(SECRET), r"'train', entry 5 is not in"),
        (lambda p, d: d["val"].append("2_twitter"), r"'val', entry 5 \(2_twitter\) is listed twice"),
        (lambda p, d: d.pop("val"), "no list of post ids called 'val'"),
        (lambda p, d: p.clear(), "not in the published form"),
    ],
)
def test_what_is_wrong_with_the_files_is_said_without_the_posts(tmp_path, change, message) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_it((tmp_path / "h", *broken(change)))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_missing_and_truncated_files(files) -> None:
    folder = files[0]
    path = write(*files)
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=r"dataset.json: cut short or damaged at line 1") as caught:
        load("hatexplain", path=path)
    assert SECRET not in str(caught.value)
    (folder / "dataset.json").unlink()
    with pytest.raises(DataError, match=r"dataset.json: missing: put HateXplain's dataset.json"):
        load("hatexplain", path=path)


def test_unknown_attribute(files) -> None:
    with pytest.raises(DataError, match="'religion' is not known"):
        load_it(files, sensitive="religion")


def test_wordpiece(files, tmp_path) -> None:
    pytest.importorskip("tokenizers")
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "great", "te", "##a", "today", SECRET]))
    data = load_it(files, wordpiece_file=str(vocab))
    assert data.vocabulary == 9
    assert data.train.inputs[0].tolist() == [2, 8, 4, 5, 6, 7, 3, 0]
    vocab.write_text("great\ntea\n")
    with pytest.raises(DataError, match="no WordPiece vocabulary"):
        load_it(files, wordpiece_file=str(vocab))


def test_a_training_on_it(files, train_once) -> None:
    train_once(load_it(files), "bert-mini", "bert-tiny")


@pytest.mark.slow
def test_a_study_of_it(files, study_once) -> None:
    root = write(*files)
    found = study_once(
        "hatexplain-small", "bert-mini->bert-tiny", root, length=8, vocabulary=500, min_group=1
    )
    assert {"eod@race", "dpd@names_gender"} <= set(found["models"][0])
    written = [path.read_bytes() for path in found["out"].parent.rglob("*") if path.is_file()]
    assert written
    assert not any(SECRET.encode() in content for content in written)
