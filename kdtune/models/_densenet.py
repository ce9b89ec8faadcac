"""torchvision's DenseNet-121 and 169, untrained, with a stem that is sized to the data.

From 64 pixels on it is the stem of the original: 7x7, stride 2, max pooling. That would reduce 32 pixels to one, so
smaller images get 3x3, stride 1, without pooling, as for the ResNets; the paper's CIFAR-100 variant is not published.
"""

from torch import nn

from kdtune.models._registry import Builder, register_model
from kdtune.models._torchvision_resnet import SMALL


def _builder(name: str) -> Builder:
    def build(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        import torchvision.models

        model: nn.Module = getattr(torchvision.models, name)(weights=None, num_classes=n_classes)
        features = model.get_submodule("features")
        channels, height, width = input_shape
        small = min(height, width) < SMALL
        if small or channels != 3:
            kernel, stride = (3, 1) if small else (7, 2)
            stem = nn.Conv2d(channels, 64, kernel, stride=stride, padding=kernel // 2, bias=False)
            nn.init.kaiming_normal_(stem.weight)  # as torchvision initialises its own
            features.add_module("conv0", stem)
        if small:
            features.add_module("pool0", nn.Identity())
        return model

    return build


for _name in ("densenet121", "densenet169"):
    register_model(_name, inputs="images")(_builder(_name))
