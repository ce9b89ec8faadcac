"""Turns texts into token ids with a tokenizer of transformers: the file `tokenizer.json`, which holds no code."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdtune.data.texts.tokens import PAD, encode_all, encoder_of, text_preparation
from kdtune.errors import DataError
from kdtune.files import read_regular
from kdtune.memory import check_memory

FILE = "tokenizer.json"
_USUAL_PADDING = ("[PAD]", "<pad>", "<|padding|>", "<|endoftext|>", "</s>")
"""Tokens that models pad with, where the folder does not say it."""


def tokenizer_preparation(source: str | Path, length: int) -> dict[str, Any]:
    """Describe how texts become token ids with a tokenizer, as plain JSON for an exported student.

    Args:
        source: a folder with a `tokenizer.json`, that file, or a name on the Hugging Face hub.
        length: tokens of a text; longer ones are cut off, shorter ones padded.

    Raises:
        DataError: there is none, or it can't be used.
    """
    content, padding = _read(source)
    tokenizer = _tokenizer(content)
    vocabulary = int(tokenizer.get_vocab_size(with_added_tokens=True))
    known = tokenizer.get_vocab(with_added_tokens=True)
    pad = next((known[token] for token in (padding, *_USUAL_PADDING) if token in known), None)
    if pad is None:
        raise DataError(
            f"tokenizer {source}: it has no token for padding: name one in tokenizer_config.json, pad_token"
        )
    return {**text_preparation(length, vocabulary, None), "tokenizer": content, "pad": pad}


def is_same_tokenizer(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two preparations turn every text into the same ids, however their files are written."""
    plain = []
    for preparation in (one, other):
        tokenizer = _tokenizer(preparation["tokenizer"])
        tokenizer.no_padding()
        tokenizer.no_truncation()
        plain.append((json.loads(tokenizer.to_str()), preparation["pad"]))
    return plain[0] == plain[1]


def encode_texts(texts: Sequence[str], preparation: Mapping[str, Any]) -> Tensor:
    """Return token ids int64 [n, length] of texts, as `preparation` describes; 0 is padding.

    Where a tokenizer pads with another id, the two change places, which `SequenceClassifier` takes back.

    Raises:
        DataError: its package is missing, or the description is damaged.
    """
    length = int(preparation["length"])
    check_memory(
        8 * length * len(texts),
        f"{len(texts):,} texts of {length:,} tokens",
        "set a smaller `length`",
        DataError,
    )
    if preparation.get("tokenizer") is None:
        return encode_all([text.split() for text in texts], encoder_of(preparation), length)
    tokenizer, pad = _tokenizer(preparation["tokenizer"]), int(preparation["pad"])
    tokenizer.enable_truncation(max_length=length)
    tokenizer.no_padding()
    ids = torch.full((len(texts), length), PAD)
    for row, encoding in enumerate(tokenizer.encode_batch(list(texts))):
        tokens = torch.tensor(encoding.ids, dtype=torch.int64)
        if pad != PAD:
            tokens = torch.where(tokens == PAD, pad, torch.where(tokens == pad, PAD, tokens))
        ids[row, : len(tokens)] = tokens
    return ids


def _read(source: str | Path) -> tuple[str, str | None]:
    """Return the content of a `tokenizer.json`, and the token that it pads with where that is said."""
    path = Path(source).expanduser()
    if path.is_file():
        return _text(path), None
    if not path.is_dir():
        if str(source).startswith((".", "/", "~")):
            raise DataError(f"tokenizer {source}: there is no such folder")
        return _of_hub(str(source))
    if not (path / FILE).is_file():
        raise DataError(
            f"tokenizer {source}: there is no {FILE} in it: AutoTokenizer.from_pretrained(…).save_pretrained writes it"
        )
    padding = None
    if (path / "tokenizer_config.json").is_file():
        try:
            settings = json.loads(_text(path / "tokenizer_config.json"))
            padding = settings.get("pad_token") or settings.get("eos_token")
        except (ValueError, AttributeError, RecursionError):
            raise DataError(f"{path / 'tokenizer_config.json'}: damaged: it is no JSON object") from None
    return _text(path / FILE), padding.get("content") if isinstance(padding, dict) else padding


def _text(path: Path) -> str:
    try:
        return read_regular(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({type(error).__name__})") from None


def _of_hub(name: str) -> tuple[str, str | None]:
    try:
        import transformers
    except ImportError:
        raise _missing() from None
    try:
        found: Any = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        return str(found.backend_tokenizer.to_str()), found.pad_token or found.eos_token
    except Exception as error:  # what a hub, a download and a damaged file raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"tokenizer {name}: it is neither a folder, nor to be had from the hub or its cache ({reason[0]})"
        ) from None


@lru_cache(maxsize=4)
def _tokenizer(content: str) -> Any:
    try:
        import tokenizers
    except ImportError:
        raise _missing() from None
    try:
        return tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # the library raises bare exceptions
        raise DataError(f"{FILE}: not a tokenizer ({str(error).splitlines()[0]})") from None


def _missing() -> DataError:
    return DataError("a tokenizer needs the package tokenizers: pip install 'kdtune[hf]'")


def preparation_of(tokenizer: str | Path | None, length: int, vocabulary: int) -> dict[str, Any]:
    """Describe how texts become token ids: by a tokenizer where there is one, else by hashing their words."""
    if tokenizer is None:
        return text_preparation(length, vocabulary, None)
    return tokenizer_preparation(tokenizer, length)
