"""Small examples that the tests of this folder share."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

N = 90
RNG = np.random.default_rng(0)
Y = np.array(["cat", "dog", "fox"] * (N // 3))
SEX = np.array(["f", "m"] * (N // 2))
PIXELS = RNG.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
NUMBERS = RNG.normal(3, 2, (N, 4))
TEXTS = [f"the {y} of {sex} number {k}" for k, (y, sex) in enumerate(zip(Y, SEX, strict=True))]
CUT: dict[str, Any] = {"min_group": 2}


def save_tokenizer(folder: Path, *, pad: str = "[PAD]", first: str = "[UNK]") -> Path:
    """Write a tokenizer of words as transformers saves one; `first` has id 0."""
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    words = dict.fromkeys(
        [first, pad, "[UNK]", "[CLS]", "cat", "dog", "fox", "the", "of", "number", "f", "m"]
    )
    vocabulary = {word: k for k, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", vocabulary["[CLS]"])]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


def same(first: Any, second: Any) -> bool:
    """Return whether two splits hold the same examples."""
    return bool(
        torch.equal(first.inputs, second.inputs)
        and torch.equal(first.labels, second.labels)
        and set(first.groups) == set(second.groups)
        and first.ids == second.ids
        and all(torch.equal(codes, second.groups[name]) for name, codes in first.groups.items())
    )
