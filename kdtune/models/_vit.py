"""ViT-B/16 of torchvision and TinyViT-5M of `timm` (the extra `timm`), untrained, at the size of the data."""

from torch import nn

from kdtune.errors import InputError
from kdtune.models._registry import register_model

_PATCH = 16
_TINYVIT_STEP = 32
"""TinyViT halves the image five times."""


@register_model("vit_b_16", inputs="images")
def _vit_b_16(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Patches of 16 pixels: square images whose side is a multiple of it, of 3 channels."""
    _check("vit_b_16", input_shape, _PATCH)
    import torchvision.models

    model: nn.Module = torchvision.models.vit_b_16(
        weights=None, image_size=input_shape[1], num_classes=n_classes
    )
    return model


@register_model("tinyvit", inputs="images")
def _tinyvit(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """TinyViT-5M (Wu et al. 2022), timm's `tiny_vit_5m_224`: sides that are multiples of 32, of 3 channels.

    Its stochastic depth is switched off, because a resumed training would differ from an uninterrupted one.
    """
    _check("tinyvit", input_shape, _TINYVIT_STEP)
    try:
        import timm
    except ImportError:
        raise InputError("model 'tinyvit' needs the package timm: pip install 'kdtune[timm]'") from None
    model: nn.Module = timm.create_model(
        "tiny_vit_5m_224", pretrained=False, num_classes=n_classes, drop_path_rate=0.0
    )
    return model


def _check(name: str, input_shape: tuple[int, ...], step: int) -> None:
    channels, height, width = input_shape
    if channels != 3 or height != width or height % step:
        raise InputError(
            f"model {name!r} takes square colour images whose side is a multiple of {step}, not {width}x{height} "
            f"of {channels} channels: set `image_size` of the data set to {max(step, round(height / step) * step)}"
        )
