"""Published networks, written out as their authors did, against ours with their weights: the same function."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kdtune.distill.weights.pretrained import load_weights
from kdtune.distill.weights.source import Weights
from kdtune.errors import InputError
from kdtune.models import build


def pads_on_both_sides(x: Tensor, planes: int) -> Tensor:
    return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4))


class Block(nn.Module):
    """A basic block of akamaster's pytorch_resnet_cifar10."""

    def __init__(self, before: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.planes = planes
        self.grows = stride != 1

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(out + (pads_on_both_sides(x, self.planes) if self.grows else x))


class Published(nn.Module):
    """A network of akamaster's pytorch_resnet_cifar10."""

    def __init__(self, depth: int, n_classes: int, head: str = "linear") -> None:
        super().__init__()
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._layer(16, 16, n, 1)
        self.layer2 = self._layer(16, 32, n, 2)
        self.layer3 = self._layer(32, 64, n, 2)
        self.head = head
        setattr(self, head, nn.Linear(64, n_classes))

    def _layer(self, before: int, planes: int, n: int, stride: int) -> nn.Sequential:
        return nn.Sequential(Block(before, planes, stride), *(Block(planes, planes, 1) for _ in range(n - 1)))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        logits: Tensor = getattr(self, self.head)(functional.avg_pool2d(out, out.size()[3]).flatten(1))
        return logits


class BlockAB(nn.Module):
    """A basic block of D-X-Y's ResNeXt-DenseNet: the zeros are concatenated behind."""

    def __init__(self, before: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn_a = nn.BatchNorm2d(planes)
        self.conv_b = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn_b = nn.BatchNorm2d(planes)
        self.grows = stride != 1

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn_b(self.conv_b(functional.relu(self.bn_a(self.conv_a(x)))))
        if self.grows:
            x = functional.avg_pool2d(x, 1, 2)
            x = torch.cat((x, x.mul(0)), 1)
        return functional.relu(x + out)


class PublishedAB(nn.Module):
    """A network of D-X-Y's ResNeXt-DenseNet."""

    def __init__(self, depth: int, n_classes: int) -> None:
        super().__init__()
        n = (depth - 2) // 6
        self.conv_1_3x3 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn_1 = nn.BatchNorm2d(16)
        self.stage_1 = nn.Sequential(BlockAB(16, 16, 1), *(BlockAB(16, 16, 1) for _ in range(n - 1)))
        self.stage_2 = nn.Sequential(BlockAB(16, 32, 2), *(BlockAB(32, 32, 1) for _ in range(n - 1)))
        self.stage_3 = nn.Sequential(BlockAB(32, 64, 2), *(BlockAB(64, 64, 1) for _ in range(n - 1)))
        self.classifier = nn.Linear(64, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn_1(self.conv_1_3x3(x)))
        out = self.stage_3(self.stage_2(self.stage_1(out)))
        logits: Tensor = self.classifier(functional.avg_pool2d(out, 8).flatten(1))
        return logits


class WideBlock(nn.Module):
    """A basic block of kuangliu's pytorch-cifar: its shortcut has weights."""

    def __init__(self, before: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(out + self.shortcut(x))


class PublishedWide(nn.Module):
    """ResNet-18 of kuangliu's pytorch-cifar."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(WideBlock(64, 64, 1), WideBlock(64, 64, 1))
        self.layer2 = nn.Sequential(WideBlock(64, 128, 2), WideBlock(128, 128, 1))
        self.layer3 = nn.Sequential(WideBlock(128, 256, 2), WideBlock(256, 256, 1))
        self.layer4 = nn.Sequential(WideBlock(256, 512, 2), WideBlock(512, 512, 1))
        self.linear = nn.Linear(512, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        logits: Tensor = self.linear(functional.avg_pool2d(out, 4).flatten(1))
        return logits


def trained(model: nn.Module) -> nn.Module:
    """Return a network whose every channel differs from every other, as training leaves it."""
    generator = torch.Generator().manual_seed(5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.3, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.5, generator=generator)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval()


def ours_with(model: nn.Module, path: Path, architecture: str, **under: str) -> nn.Module:
    prefix = under.get("prefix", "")
    torch.save(
        {"state_dict": {prefix + k: v for k, v in model.state_dict().items()}, "best_prec1": 91.7}, path
    )
    ours = build(architecture, input_shape=(3, 32, 32), n_classes=10)
    load_weights(ours, Weights.of(path), architecture)
    return ours.eval()


IMAGES = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def differences(one: nn.Module, other: nn.Module) -> float:
    return float((one(IMAGES) - other(IMAGES)).abs().max())


@pytest.mark.parametrize("depth", [8, 20, 56])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_shortcut_that_pads_on_both_sides(tmp_path: Path, depth: int, prefix: str) -> None:
    torch.manual_seed(depth)
    published = trained(Published(depth, 10))
    ours = ours_with(published, tmp_path / "resnet.th", f"resnet{depth}", prefix=prefix)
    assert differences(published, ours) < 1e-5


def test_renaming_alone_would_have_been_another_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = trained(Published(20, 10))
    ours = build("resnet20", input_shape=(3, 32, 32), n_classes=10)
    names = {"conv1": "conv", "bn1": "bn", "layer1": "stage1", "layer2": "stage2", "layer3": "stage3"}
    renamed = {
        ".".join([names.get(part, part) if k == 0 else part for k, part in enumerate(key.split("."))]): value
        for key, value in published.state_dict().items()
    }
    ours.load_state_dict({key.replace("linear", "fc"): value for key, value in renamed.items()})
    assert differences(published, ours.eval()) > 0.1


def test_a_shortcut_that_pads_behind(tmp_path: Path) -> None:
    torch.manual_seed(1)
    published = trained(PublishedAB(20, 10))
    assert differences(published, ours_with(published, tmp_path / "r.pth", "resnet20")) < 1e-5


def test_a_wide_network_with_a_small_stem(tmp_path: Path) -> None:
    torch.manual_seed(2)
    published = trained(PublishedWide(10))
    ours = ours_with(published, tmp_path / "r.pth", "resnet18", prefix="module.")
    assert differences(published, ours) < 1e-4


def refusal(path: Path, state: dict[str, Tensor]) -> str:
    torch.save(state, path)
    ours = build("resnet20", input_shape=(3, 32, 32), n_classes=10)
    with pytest.raises(InputError) as caught:
        load_weights(ours, Weights.of(path), "resnet20")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_that_do_not_tell_the_padding_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path / "r.pt", Published(20, 10, head="fc").state_dict())
    assert "r.pt: the weights do not fit 'resnet20'" in said
    assert "on both sides of the channels or behind" in said
    assert "rename fc to linear" in said


def test_following_that_advice_gives_the_same_function(tmp_path: Path) -> None:
    torch.manual_seed(3)
    published = trained(Published(20, 10, head="fc"))
    linear = {re.sub("^fc", "linear", key): value for key, value in published.state_dict().items()}
    torch.save(linear, tmp_path / "r.pt")
    ours = build("resnet20", input_shape=(3, 32, 32), n_classes=10)
    load_weights(ours, Weights.of(tmp_path / "r.pt"), "resnet20")
    assert differences(published, ours.eval()) < 1e-5


@pytest.mark.parametrize("name", ["shortcut", "downsample"])
def test_shortcuts_with_weights_are_another_network(tmp_path: Path, name: str) -> None:
    state = Published(20, 10).state_dict()
    for layer, planes in ((2, 32), (3, 64)):
        state[f"layer{layer}.0.{name}.0.weight"] = torch.ones(planes, planes // 2, 1, 1)
        state[f"layer{layer}.0.{name}.1.weight"] = torch.ones(planes)
    said = refusal(tmp_path / "r.pt", state)
    assert f"its shortcuts have weights (layer2.0.{name}.0.weight: option B" in said
    assert "another network" in said


def test_another_depth_is_told_by_its_tensors(tmp_path: Path) -> None:
    said = refusal(tmp_path / "r.pt", Published(32, 10).state_dict())
    assert "in the file do not belong to it" in said
