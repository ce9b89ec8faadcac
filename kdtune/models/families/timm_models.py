"""The image classifiers of timm, by its own names (the extra `timm`)."""

from typing import Any, Literal

from torch import nn

from kdtune.errors import InputError
from kdtune.models.families.classifier import classifier_tensors, without
from kdtune.models.families.library_model import LibraryModel, Pretrained
from kdtune.models.families.packages import first_line, package_of, unknown, version_of
from kdtune.models.families.torchvision_models import per_channel


class Timm:
    """timm: https://huggingface.co/docs/timm/models."""

    prefix = "timm"
    package = "timm"
    extra = "timm"
    inputs: Literal["images", "text"] = "images"

    def names(self) -> list[str]:
        """Return timm's architectures; a name may go on with a tag of its weights, as in `resnet18.a1_in1k`."""
        import timm

        return list(timm.list_models())

    def usual_shape(self, model: LibraryModel) -> tuple[int, ...]:
        """Return the shape of the images that its weights were trained on."""
        timm: Any = package_of(self, model.name)
        cfg = timm.get_pretrained_cfg(model.name)
        return (3, 224, 224) if cfg is None else tuple(int(size) for size in cfg.input_size)

    def find(self, name: str) -> LibraryModel:
        """Return an architecture."""
        timm: Any = package_of(self, name)
        if not timm.is_model(name):
            raise unknown(self, name, self.names())
        architecture, dot, tag = name.partition(".")
        tags = timm.list_models(f"{architecture}.*", pretrained=True)
        if dot and name not in tags:
            raise InputError(
                f"timm has no weights {tag!r} of {architecture!r} (it has: {', '.join(tags) or 'none'})"
            )
        return LibraryModel(self.prefix, name, version=version_of(self))

    def build(self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """Return the network as timm builds it, for the channels, and the size where it is built for one."""
        return self._create(model, input_shape, n_classes, pretrained=False)

    def _create(
        self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int, *, pretrained: bool
    ) -> nn.Module:
        timm: Any = package_of(self, model.name)
        if not timm.is_model(model.name):  # a file may name anything: a folder too, for timm
            raise unknown(self, model.name, self.names())
        channels, height, width = input_shape
        options = {"pretrained": pretrained, "num_classes": n_classes, "in_chans": channels}
        try:
            network: nn.Module = timm.create_model(model.name, img_size=(height, width), **options)
        except TypeError as error:
            if "img_size" not in str(
                error
            ):  # of those that take any size, the constructor does not know the word
                raise
            network = timm.create_model(model.name, **options)
        return network

    def pretrained(
        self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int, *, new_classifier: bool
    ) -> Pretrained:
        """Return the weights of timm's tag, or of its default one, from its own cache or download."""
        timm: Any = package_of(self, model.name)
        cfg = timm.get_pretrained_cfg(model.name)
        if cfg is None or not cfg.has_weights:
            tags = timm.list_models(f"{model.name.partition('.')[0]}.*", pretrained=True)
            raise InputError(
                f"model {model.full_name!r}: timm has no pretrained weights of it"
                + (f" (it has those of {', '.join(tags)})" if tags else "")
            )
        _, height, width = cfg.input_size
        channels = input_shape[0]
        shape = (channels, int(height), int(width))
        if not new_classifier and cfg.num_classes != n_classes:
            raise InputError(
                f"model {model.full_name!r}: its weights are of {cfg.num_classes:,} classes, and the data have "
                f"{n_classes}: leave `finetune` out, and it gets a new classifier that is trained"
            )
        try:
            network = self._create(model, shape, n_classes, pretrained=True)
        except Exception as error:  # what a download and a hub raise
            raise InputError(
                f"model {model.full_name!r}: its pretrained weights can't be had ({first_line(error)}): they are "
                f"{cfg.hf_hub_id or cfg.url or cfg.file} of the Hugging Face hub; where that can't be reached, bring "
                "timm's cache along ($HF_HOME, by default ~/.cache/huggingface)"
            ) from None
        lacks = classifier_tensors(lambda n: self.build(model, shape, n), n_classes) if new_classifier else ()
        return Pretrained(
            without(network.state_dict(), lacks),
            lacks,
            shape,
            per_channel(cfg.mean, channels),
            per_channel(cfg.std, channels),
        )
