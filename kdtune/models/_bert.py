"""Small BERTs in plain torch: `bert-tiny` and `bert-mini`, for text, without pretrained weights or extra packages.

Sizes are those of Turc et al. 2019 (arXiv 1908.08962). As in BERT: learned positions, layer norm after each
sublayer, GELU, the first token's output through a tanh layer to the classes, weights from N(0, 0.02). There is no
dropout, so that a resumed training gives the same numbers as an uninterrupted one.
"""

import torch
from torch import Tensor, nn

from kdtune.models._registry import Builder, register_model

PAD = 0
"""The token id of padding."""

SIZES = {"bert-tiny": (2, 128), "bert-mini": (4, 256)}
"""Layers and width; there is one head per 64 units of width."""


class SmallBert(nn.Module):
    """A transformer encoder that classifies by its first token.

    Shapes: token ids int64 [n, length] to logits [n, n_classes]; id 0 is padding, and is not attended to.
    """

    def __init__(self, layers: int, width: int, length: int, vocabulary: int, n_classes: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.positions = nn.Embedding(length, width)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(
            width, width // 64, 4 * width, dropout=0.0, activation="gelu", batch_first=True
        )
        # Nested tensors are a prototype that warns, and differ between training and evaluation.
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        for encoder_layer in self.encoder.layers:  # otherwise all layers would start as copies of one
            nn.init.normal_(encoder_layer.self_attn.in_proj_weight, std=0.02)
        with torch.no_grad():
            self.words.weight[PAD].zero_()

    def forward(self, tokens: Tensor) -> Tensor:
        """Map token ids [n, length] to logits [n, n_classes]."""
        x = self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        padding = tokens == PAD
        padding[:, 0] = False  # attention over nothing is undefined
        x = self.encoder(x, src_key_padding_mask=padding)
        out: Tensor = self.classifier(torch.tanh(self.pooler(x[:, 0])))
        return out


def _builder(layers: int, width: int) -> Builder:
    def build(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        length, vocabulary = input_shape
        return SmallBert(layers, width, length, vocabulary, n_classes)

    return build


for _name, (_layers, _width) in SIZES.items():
    register_model(_name, inputs="text")(_builder(_layers, _width))
