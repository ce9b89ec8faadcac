"""The image classifiers of torchvision, by its own names."""

from typing import Any, Literal

from torch import nn

from kdtune.errors import InputError
from kdtune.models.families.classifier import (
    classifier_tensors,
    first_convolution,
    fit_channels,
    weight_for_channels,
    without,
)
from kdtune.models.families.library_model import LibraryModel, Pretrained
from kdtune.models.families.packages import first_line, package_of, unknown, version_of

_WITH_SECOND_OUTPUT = ("googlenet", "inception_v3")
"""Networks that give a second output in training unless told not to."""


class Torchvision:
    """torchvision: https://docs.pytorch.org/vision/stable/models.html#classification."""

    prefix = "torchvision"
    package = "torchvision"
    extra = "torchvision"
    inputs: Literal["images", "text"] = "images"

    def names(self) -> list[str]:
        """Return torchvision's classifiers."""
        import torchvision.models

        return [str(name) for name in torchvision.models.list_models(module=torchvision.models)]

    def usual_shape(self, model: LibraryModel) -> tuple[int, ...]:
        """Return the shape of the images that its default weights were trained on."""
        from torchvision.models import get_model_weights

        size = int(get_model_weights(model.name).DEFAULT.transforms().crop_size[0])
        return (3, size, size)

    def find(self, name: str) -> LibraryModel:
        """Return a classifier."""
        package_of(self, name)
        known = self.names()
        if name not in known:
            raise unknown(self, name, known)
        return LibraryModel(self.prefix, name, version=version_of(self))

    def build(self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """Return the network as torchvision builds it; other than three channels get a first convolution of theirs."""
        package_of(self, model.name)
        from torchvision.models import get_model

        channels, height, width = input_shape
        options: dict[str, Any] = {"weights": None, "num_classes": n_classes}
        if model.name in _WITH_SECOND_OUTPUT:
            options |= {"aux_logits": False, "init_weights": True}
        if "vit_" in model.name:
            if height != width:
                raise InputError(f"model {model.full_name!r} takes square images, not {width}x{height}")
            options["image_size"] = height
        network: nn.Module = get_model(model.name, **options)
        fit_channels(network, channels)
        return network

    def pretrained(
        self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int, *, new_classifier: bool
    ) -> Pretrained:
        """Return the weights that torchvision calls the default, from its own cache or download."""
        package_of(self, model.name)
        from torchvision.models import get_model_weights

        best = get_model_weights(model.name).DEFAULT
        file = best.url.rpartition("/")[2]
        try:
            state = dict(best.get_state_dict(progress=False, check_hash=True, weights_only=True))
        except Exception as error:  # what a download and a damaged file raise
            reason = getattr(error, "reason", None) or first_line(error)
            raise InputError(
                f"model {model.full_name!r}: its pretrained weights can't be had ({reason}): put {file} into "
                "$TORCH_HOME/hub/checkpoints (by default ~/.cache/torch/hub/checkpoints), where torchvision looks "
                "before it downloads"
            ) from None
        own = len(best.meta["categories"])
        if not new_classifier and own != n_classes:
            raise InputError(
                f"model {model.full_name!r}: its weights are of {own:,} classes, and the data have {n_classes}: leave "
                "`finetune` out, and it gets a new classifier that is trained"
            )
        transforms = best.transforms()
        size, channels = int(transforms.crop_size[0]), input_shape[0]
        network = self.build(model, (3, size, size), n_classes)
        state = {name: state[name] for name in network.state_dict() if name in state}  # no second output
        if (first := first_convolution(network)) is not None:
            state[f"{first}.weight"] = weight_for_channels(state[f"{first}.weight"], channels)
        head = classifier_tensors(lambda n: self.build(model, (3, size, size), n), n_classes)
        lacks = head if new_classifier else ()
        return Pretrained(
            without(state, lacks),
            lacks,
            (channels, size, size),
            per_channel(transforms.mean, channels),
            per_channel(transforms.std, channels),
            None if new_classifier else tuple(map(str, best.meta["categories"])),
        )


def per_channel(values: Any, channels: int) -> tuple[float, ...]:
    """Return one number a channel: those given where they are as many, else their mean for each."""
    numbers = [float(value) for value in values]
    if len(numbers) == channels:
        return tuple(numbers)
    return (sum(numbers) / len(numbers),) * channels
