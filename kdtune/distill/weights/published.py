"""Published checkpoints that are a model of ours under other names, or with their channels in another order.

How a residual network for CIFAR pads its shortcut (option A of He et al. 2015, section 4.2) is in its code, not in its
weights. The names tell whose code it is:

- `conv1`, `layer1`, `linear`: akamaster's pytorch_resnet_cifar10 and what was made from it. A quarter of the zeros lie
  before the channels and a quarter behind, where ours lie all behind. Its channels are put in our order.
- `conv_1_3x3`, `stage_1`, `classifier`: D-X-Y's ResNeXt-DenseNet. Its zeros lie behind, as ours do.
- `conv1`, `layer1`, `fc` without weights in a shortcut: several authors, who pad in both ways. They are refused.
"""

import re
from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from kdtune.errors import InputError

State = dict[str, Tensor]


def in_our_spelling(state: State, wanted: Collection[str]) -> State:
    """Return a checkpoint under the names of our model, its channels in our order; as it is where nothing fits.

    Args:
        state: tensors by name, without prefixes that all names share.
        wanted: names of our model; counters of batches may be missing.

    Raises:
        InputError: the names do not tell which of two networks it is, or it is another network.
    """
    needed = {name for name in wanted if not name.endswith("num_batches_tracked")}
    if "stage1.0.conv1.weight" in needed:
        _check_shortcuts(state)
    for names, reorder in _SPELLINGS:
        renamed = {_renamed(name, names): value for name, value in state.items()}
        if needed <= renamed.keys() and all(any(map(re.compile(p).search, state)) for p in names):
            return reorder(renamed)
    return state


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for pattern, ours in names.items():
        name = re.sub(pattern, ours, name)
    return name


def _check_shortcuts(state: State) -> None:
    for name in state:
        if re.search(r"\.(shortcut|downsample)\.", name):
            raise InputError(
                f"its shortcuts have weights ({name}: option B of He et al.), and those of kdtune's residual networks "
                "for CIFAR have none (option A): it is another network"
            )


def _as_is(state: State) -> State:
    return state


def _zeros_behind(state: State) -> State:
    """Put the channels of a network that pads zeros on both sides in the order of one that pads them behind.

    Where the width doubles from c, channel i of the shortcut lands on channel i + c / 2 there, and on i here. Which of
    the new channels is which does not matter, as long as all that reads or writes the stage agrees.
    """
    order = torch.arange(len(state["conv.weight"]))
    ordered = dict(state)
    for stage in (1, 2, 3):
        inside = order  # of what the first block reads: the stage before
        if stage > 1:
            half = len(order) // 2
            order = torch.cat([order + half, torch.arange(half), torch.arange(3 * half, 4 * half)])
        block = 0
        while (name := f"stage{stage}.{block}") + ".conv1.weight" in state:
            ordered[f"{name}.conv1.weight"] = state[f"{name}.conv1.weight"][:, inside]
            for tensor in ("conv2.weight", "bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var"):
                ordered[f"{name}.{tensor}"] = state[f"{name}.{tensor}"][order]
            inside = order
            block += 1
    ordered["fc.weight"] = state["fc.weight"][:, order]
    return ordered


def _which_padding(_: State) -> State:
    raise InputError(
        "the names conv1, layer1 and fc do not tell whether its shortcuts pad zeros on both sides of the channels or "
        "behind them, as kdtune's do, and the wrong one of the two would load wrong weights without a word: if on "
        "both sides, rename fc to linear in the file; if behind, rename conv1, bn1, layer to conv, bn, stage"
    )


_STEM = {r"^conv1\.": "conv.", r"^bn1\.": "bn.", r"^layer(?=\d)": "stage"}

_SPELLINGS: tuple[tuple[Mapping[str, str], Callable[[State], State]], ...] = (
    ({}, _as_is),
    # torchvision's files of DenseNets, from before a module's name could not have a dot
    ({r"(denselayer\d+\.(?:norm|conv))\.([12])\.": r"\1\2."}, _as_is),
    # kuangliu's pytorch-cifar: torchvision's residual networks with a small stem
    ({r"\.shortcut\.": ".downsample.", r"^linear\.": "fc."}, _as_is),
    ({**_STEM, r"^linear\.": "fc."}, _zeros_behind),
    (
        {
            r"^conv_1_3x3\.": "conv.",
            r"^bn_1\.": "bn.",
            r"^stage_(?=\d)": "stage",
            r"\.(conv|bn)_a\.": r".\g<1>1.",
            r"\.(conv|bn)_b\.": r".\g<1>2.",
            r"^classifier\.": "fc.",
        },
        _as_is,
    ),
    (_STEM, _which_padding),
)
"""Patterns in a name -> what ours says there, and what is to be done beyond that; the first that fits counts."""
