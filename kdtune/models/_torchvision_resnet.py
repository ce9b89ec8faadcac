"""torchvision's ResNet-18, 34 and 50, untrained, with a stem that is sized to the data.

From 64 pixels on it is the stem of the original: 7x7, stride 2, max pooling, a quarter of the size. On
smaller images that would leave too little (32 pixels end as 1x1), so they get 3x3, stride 1, without
pooling.
"""

from torch import nn

from kdtune.models._registry import Builder, register_model

SMALL = 64
"""Images whose shorter side is below this have the small stem."""


def _builder(name: str) -> Builder:
    def build(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        import torchvision.models

        model: nn.Module = getattr(torchvision.models, name)(weights=None, num_classes=n_classes)
        channels, height, width = input_shape
        small = min(height, width) < SMALL
        if small or channels != 3:
            kernel, stride = (3, 1) if small else (7, 2)
            stem = nn.Conv2d(channels, 64, kernel, stride=stride, padding=kernel // 2, bias=False)
            # As torchvision initialises its own convolutions.
            nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
            model.conv1 = stem
        if small:
            model.maxpool = nn.Identity()
        return model

    return build


for _name in ("resnet18", "resnet34", "resnet50"):
    register_model(_name, inputs="images")(_builder(_name))
