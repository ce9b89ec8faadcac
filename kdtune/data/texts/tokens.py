"""Turns words into token ids: by hashing, which needs no word list, or by a WordPiece vocabulary from a file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdtune.errors import DataError
from kdtune.files import read_text

PAD = 0
FIRST = 1
"""The first id of every hashed text; a model classifies by its position."""

Encoder = Callable[[Sequence[str]], list[int]]
"""Turns words into ids, including the special ones."""


def hashed(words: Sequence[str], *, vocabulary: int) -> list[int]:
    """Return `FIRST`, then an id from 2 to vocabulary - 1 for each word, whatever its case.

    The id is a hash: it is the same on every machine, nothing is learnt from the data, and no word is stored. Some
    words share an id: about one in ten, if the vocabulary is ten times as large as the number of words in use.
    """
    return [
        FIRST,
        *(
            2
            + int.from_bytes(
                hashlib.blake2b(word.lower().encode("utf-8", "surrogatepass"), digest_size=8).digest()
            )
            % (vocabulary - 2)
            for word in words
        ),
    ]


def wordpiece(path: Path) -> tuple[Encoder, int]:
    """Return an encoder for BERT's `vocab.txt` (lower case), and the size of the vocabulary.

    Raises:
        DataError: the file cannot be used, or the package tokenizers is missing.
    """
    try:
        from tokenizers import BertWordPieceTokenizer
    except ImportError:
        raise DataError("option 'wordpiece' needs the package tokenizers: pip install 'kdtune[hf]'") from None
    try:
        entries = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as a WordPiece vocabulary ({error})") from None
    missing = [name for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") if name not in entries]
    if missing or entries[0] != "[PAD]":
        raise DataError(
            f"{path}: is no WordPiece vocabulary of BERT: one entry a line, [PAD] first, and [UNK], [CLS], [SEP]"
        )
    tokenizer = BertWordPieceTokenizer(str(path), lowercase=True)

    def encode(words: Sequence[str]) -> list[int]:
        return list(tokenizer.encode(" ".join(words)).ids)

    return encode, len(entries)


def encoder_of(preparation: Mapping[str, Any]) -> Encoder:
    """Return the encoder that `preparation` describes; see `text_preparation`."""
    if preparation["wordpiece"] is not None:
        return wordpiece(Path(preparation["wordpiece"]))[0]
    return partial(hashed, vocabulary=int(preparation["vocabulary"]))


def encode_all(texts: Sequence[Sequence[str]], encode: Encoder, length: int) -> Tensor:
    """Return token ids int64 [n, length]; long texts are cut off at the end, short ones filled with `PAD`."""
    ids = torch.full((len(texts), length), PAD)
    for row, words in enumerate(texts):
        tokens = encode(words)
        ids[row, : len(tokens)] = torch.tensor(tokens[:length])
    return ids


def text_preparation(length: int, vocabulary: int, wordpiece: str | None) -> dict[str, Any]:
    """Describe how words become token ids, as plain JSON for an exported student. It holds no word."""
    return {"kind": "text", "length": length, "vocabulary": vocabulary, "wordpiece": wordpiece}
