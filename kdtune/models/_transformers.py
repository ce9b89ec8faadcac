"""BERT-Base and DistilBERT through `transformers` (the extra `hf`), untrained.

Weights come from a checkpoint of yours (`teacher: {weights: FILE}`), never from the network.
"""

from typing import Any

import torch
from torch import Tensor, nn

from kdtune.errors import InputError
from kdtune.models._registry import register_model

_LONGEST = 512
"""Positions that the published checkpoints have."""


class Transformer(nn.Module):
    """A sequence classifier of `transformers`, as a module from token ids [n, length] to logits [n, n_classes]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Map token ids [n, length], 0 for padding, to logits [n, n_classes]."""
        mask = tokens != 0
        mask[:, 0] = True  # attention over nothing is undefined
        logits: Tensor = self.model(input_ids=tokens, attention_mask=mask.to(torch.int64)).logits
        return logits


def _library(name: str) -> Any:
    try:
        import transformers
    except ImportError:
        raise InputError(
            f"model {name!r} needs the package transformers: pip install 'kdtune[hf]', or use bert-tiny or "
            "bert-mini, which need no extra package"
        ) from None
    return transformers


@register_model("bert-base", inputs="text")
def _bert_base(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    library, (length, vocabulary) = _library("bert-base"), input_shape
    config = library.BertConfig(
        vocab_size=vocabulary, max_position_embeddings=max(length, _LONGEST), num_labels=n_classes
    )
    return Transformer(library.BertForSequenceClassification(config))


@register_model("distilbert", inputs="text")
def _distilbert(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    library, (length, vocabulary) = _library("distilbert"), input_shape
    config = library.DistilBertConfig(
        vocab_size=vocabulary, max_position_embeddings=max(length, _LONGEST), num_labels=n_classes
    )
    return Transformer(library.DistilBertForSequenceClassification(config))
