"""HateXplain (Mathew et al. 2021): is a post toxic, and does the answer depend on the community that it names?

The posts are hateful. kdtune never prints, logs or stores a post, or puts one into a message. A message names an entry
by its number and id.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.dataset import MISSING, Augmentation, Dataset, Split, fingerprint
from kdtune.data.groups import Rare, attribute_names, columns_of, cross_codes, cross_groups, settle_rare
from kdtune.data.options import Count, Seed
from kdtune.data.registry import register_dataset
from kdtune.data.split import at_most_per_class, stratified_cut
from kdtune.data.texts.tokens import encode_all, encoder_of, text_preparation, wordpiece
from kdtune.errors import DataError, did_you_mean
from kdtune.files import read_text

CLASSES = ("normal", "toxic")
LABELS = {"normal": 0, "hatespeech": 1, "offensive": 1}
COMMUNITIES = {
    "race": ("African", "Arab", "Asian", "Caucasian", "Hispanic"),
    "gender": ("Men", "Women"),
}
COLUMNS = {**COMMUNITIES, **{f"names_{kind}": ("no", "yes") for kind in COMMUNITIES}}
"""Sensitive attributes: the community that is named, or whether any of that kind is named at all."""

_AGREE = 2
"""A label or a community counts if at least this many annotators give it."""
_FILES = ("dataset.json", "post_id_divisions.json")


@register_dataset("hatexplain")
def load_hatexplain(
    *,
    path: str | Path,
    sensitive: str | Sequence[str] | None = ("race", "names_gender"),
    length: Annotated[int, Field(ge=2, le=512)] = 128,
    vocabulary: Annotated[int, Field(ge=100)] = 30522,
    wordpiece_file: str | Path | None = None,
    min_group: Count = 10,
    rare: Rare = "error",
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    seed: Seed = 0,
) -> Dataset:
    """Read HateXplain in its published form and splits; posts whose annotators do not agree are left out.

    A post is toxic if two of three annotators call it hateful, or two call it offensive. It names a community if two
    of three say so. A post that names several communities of a kind belongs to none of their groups.

    Args:
        path: a folder with `dataset.json` and `post_id_divisions.json`.
        sensitive: `race`, `gender` (which community is named), `names_race`, `names_gender` (whether one is), or
            intersections of them.
        length: tokens of a post; longer posts are cut off, shorter ones padded.
        vocabulary: number of ids to which words are hashed; `wordpiece_file` has its own number.
        wordpiece_file: BERT's `vocab.txt`, for models with pretrained weights; without it, words are hashed.
        min_group: the fewest examples that a group may have in validation, and that a rate may be out of by which a
            search decides.
        rare: what happens to smaller groups: `error`, `missing` (they belong to no group) or `other`.
        n_train: use only this many posts, stratified.
        n_validation: use only this many posts, stratified.
        limit_per_class: use at most this many training posts of each class, before `n_train` is taken.
        seed: of these three options.

    Raises:
        DataError: a file is missing, damaged or not in the published form; the message names the entry.
    """
    root = Path(path).expanduser()
    names = attribute_names(sensitive)
    columns = columns_of(names)
    for column in columns:
        if column not in COLUMNS:
            raise DataError(
                f"hatexplain: sensitive {column!r} is not known{did_you_mean(column, COLUMNS)} "
                f"(known: {', '.join(COLUMNS)})"
            )
    if wordpiece_file is not None:
        file = Path(wordpiece_file).expanduser()
        vocabulary = wordpiece(file)[1]
        wordpiece_file = str(file)
    recipe = _Recipe(root, names, text_preparation(length, vocabulary, wordpiece_file))
    splits = _read(recipe, ("train", "val"))
    train, validation = splits["train"], splits["val"]
    declared = cross_groups(names, {column: COLUMNS[column] for column in columns})
    share = 1.0 if n_validation is None else min(1.0, n_validation / max(1, len(validation)))
    settled, tables = settle_rare(validation.groups, declared, share=share, min_group=min_group, rare=rare)
    recipe = _Recipe(root, names, recipe.preparation, tables)
    if limit_per_class is not None:
        train = train.take(at_most_per_class(train.labels, train.groups, limit_per_class, seed + 2))
    train, validation = (
        _cut(_settled(part, tables), n, seed + number, key)
        for number, (part, n, key) in enumerate(
            [(train, n_train, "n_train"), (validation, n_validation, "n_validation")]
        )
    )
    require_classes(str(root), CLASSES, train=train.labels, validation=validation.labels)
    return Dataset(
        name="hatexplain",
        classes=CLASSES,
        attributes=settled,
        train=train,
        validation=validation,
        normalisation=None,
        augmentation=Augmentation(),
        preprocessing=recipe.preparation,
        fingerprint=fingerprint(train, validation, CLASSES, settled),
        open_test=partial(_open_test, recipe),
        vocabulary=vocabulary,
    )


@dataclass(frozen=True, eq=False)
class _Recipe:
    """How to read a split: the folder, the attributes, how words become ids, and the settled code of each group."""

    root: Path
    names: tuple[str, ...]
    preparation: dict[str, Any]
    tables: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class _Post:
    words: list[str]
    label: int
    communities: frozenset[str]


def _open_test(recipe: _Recipe) -> Split:
    assert recipe.tables is not None
    return _settled(_read(recipe, ("test",))["test"], recipe.tables)


def _settled(split: Split, tables: Mapping[str, Tensor]) -> Split:
    groups = {name: tables[name][codes] for name, codes in split.groups.items()}
    return Split(split.inputs, split.labels, groups, ids=split.ids)


def _cut(split: Split, n: int | None, seed: int, key: str) -> Split:
    if n is None:
        return split
    if n > len(split):
        raise DataError(f"hatexplain: {key!r} asks for {n} posts, but there are {len(split)}")
    return split.take(stratified_cut(split.labels, split.groups, n, seed)[1])


def _read(recipe: _Recipe, wanted: Sequence[str]) -> dict[str, Split]:
    content, divisions = (_json(recipe.root / name) for name in _FILES)
    where, where_divided = (recipe.root / name for name in _FILES)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{where}: is not in the published form, an object of posts by id")
    _check_divisions(divisions, where_divided)
    numbers = {post_id: number for number, post_id in enumerate(content, start=1)}
    encode = encoder_of(recipe.preparation)
    splits = {}
    for name in wanted:
        posts, ids = [], []
        for number, post_id in enumerate(divisions[name], start=1):
            if post_id not in numbers:
                raise DataError(
                    f"{where_divided}: {name!r}, entry {number}{_shown(post_id)} is not in {where}: "
                    "take both files from the same release"
                )
            post = _post(content[post_id], f"{where}: entry {numbers[post_id]}{_shown(post_id)}")
            if post is not None:
                posts.append(post)
                ids.append(str(post_id))
        if not posts:
            raise DataError(f"{where_divided}: no post with a label in {name!r}")
        columns = columns_of(recipe.names)
        codes = {column: torch.tensor([_code(column, post) for post in posts]) for column in columns}
        splits[name] = Split(
            encode_all([post.words for post in posts], encode, recipe.preparation["length"]),
            torch.tensor([post.label for post in posts]),
            cross_codes(recipe.names, codes, COLUMNS),
            ids=tuple(ids),
        )
    return splits


def _json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(
            f"{path}: missing: put HateXplain's dataset.json and post_id_divisions.json (folder Data of its "
            "repository, github.com/hate-alert/HateXplain) there"
        )
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:  # its own message quotes nothing of the text
        raise DataError(f"{path}: cut short or damaged at line {error.lineno}: copy it again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable ({type(error).__name__}): copy it again") from None


def _check_divisions(divisions: Any, path: Path) -> None:
    seen: set[str] = set()
    for name in ("train", "val", "test"):
        ids = divisions.get(name) if isinstance(divisions, dict) else None
        if not isinstance(ids, list) or not all(isinstance(post_id, str) for post_id in ids):
            raise DataError(f"{path}: has no list of post ids called {name!r}")
        for number, post_id in enumerate(ids, start=1):
            if post_id in seen:
                raise DataError(f"{path}: {name!r}, entry {number}{_shown(post_id)} is listed twice")
            seen.add(post_id)


def _shown(post_id: str) -> str:
    """Return an id for a message, empty if it has not the published form, because then it might be anything."""
    return f" ({post_id})" if re.fullmatch(r"\d+_(twitter|gab)", post_id) else ""


def _post(entry: Any, where: str) -> _Post | None:
    """Return a post, or None if no label has a majority."""
    annotators = entry.get("annotators") if isinstance(entry, dict) else None
    if not isinstance(annotators, list) or not annotators:
        raise DataError(f"{where} has no annotators: take the published file, or remove the post's id")
    words = entry.get("post_tokens")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(f"{where} has no list of words 'post_tokens'")
    labels, communities = Counter[str](), Counter[str]()
    for number, annotator in enumerate(annotators, start=1):
        label = annotator.get("label") if isinstance(annotator, dict) else None
        if not isinstance(label, str) or label not in LABELS:
            raise DataError(f"{where}, annotator {number}: the label is none of {', '.join(LABELS)}")
        target = annotator.get("target")
        if not isinstance(target, list) or not all(isinstance(name, str) for name in target):
            raise DataError(f"{where}, annotator {number} has no list 'target'")
        labels[label] += 1
        communities.update(set(target))
    label, votes = labels.most_common(1)[0]
    if votes < _AGREE:
        return None
    named = frozenset(name for name, times in communities.items() if times >= _AGREE)
    return _Post(words, LABELS[label], named)


def _code(column: str, post: _Post) -> int:
    kind = column.removeprefix("names_")
    named = [number for number, name in enumerate(COMMUNITIES[kind]) if name in post.communities]
    if column != kind:
        return int(bool(named))
    return named[0] if len(named) == 1 else MISSING
