"""The sequence classifiers of transformers (the extra `hf`): from a folder, from the hub, or of an architecture's name.

Nothing that a folder holds is run: neither code that its configuration names, nor pickled weights.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from kdtune.errors import InputError
from kdtune.models.families.classifier import classifier_tensors, without
from kdtune.models.families.library_model import LibraryModel, Pretrained
from kdtune.models.families.packages import first_line, package_of, unknown, version_of

_NOT_OF_THE_MODEL = ("auto_map", "_name_or_path", "dtype", "torch_dtype", "quantization_config")
"""What a configuration says beside the network: code, where it came from, the precision of a file."""


class SequenceClassifier(nn.Module):
    """A sequence classifier of transformers, from token ids [n, length] to logits [n, n_classes].

    In our data id 0 is padding. Where a model pads with another id, the two change places, which loses nothing.
    """

    def __init__(self, model: nn.Module, pad: int) -> None:
        super().__init__()
        self.model = model
        self.pad = pad

    def forward(self, tokens: Tensor) -> Tensor:
        """Map token ids [n, length], 0 for padding, to logits [n, n_classes]."""
        mask = (tokens != 0).to(torch.int64)
        mask[:, 0] = 1  # attention over nothing is undefined
        if self.pad:
            tokens = torch.where(tokens == 0, self.pad, torch.where(tokens == self.pad, 0, tokens))
        logits: Tensor = self.model(input_ids=tokens, attention_mask=mask).logits
        return logits


class HuggingFace:
    """transformers: https://huggingface.co/docs/transformers."""

    prefix = "hf"
    package = "transformers"
    extra = "hf"
    inputs: Literal["images", "text"] = "text"

    def names(self) -> list[str]:
        """Return the architectures; folders and names on the hub are known too."""
        from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

        return sorted(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)

    def usual_shape(self, model: LibraryModel) -> tuple[int, ...]:
        """Return the largest number of tokens that it reads, and the number of its token ids."""
        config = self._config(model, 2)
        positions = getattr(config, "max_position_embeddings", None)
        return (
            positions - 2 if isinstance(positions, int) and positions > 2 else 512,
            int(config.vocab_size),
        )

    def find(self, name: str) -> LibraryModel:
        """Return the model whose configuration lies in a folder or on the hub, or an architecture's default."""
        transformers: Any = package_of(self, name)
        known = self.names()
        source, is_folder = _source(name)
        try:
            if not is_folder and name in known:
                config = transformers.AutoConfig.for_model(name)
            elif is_folder and not (Path(source) / "config.json").is_file():
                raise InputError(f"model 'hf:{name}': {source} is no folder with a config.json")
            else:
                config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except InputError:
            raise
        except Exception as error:  # what a hub, a download, JSON and a configuration raise
            if is_folder:
                raise InputError(f"model 'hf:{name}': {source}: {first_line(error)}") from None
            raise InputError(
                f"model 'hf:{name}': it is neither a folder, nor an architecture, nor to be had from the hub or its "
                f"cache ({first_line(error)}): {unknown(self, name, known)}"
            ) from None
        if config.model_type not in known:
            raise InputError(
                f"model 'hf:{name}': transformers has no sequence classifier of the type {config.model_type!r}"
            )
        settings = {k: v for k, v in config.to_diff_dict().items() if k not in _NOT_OF_THE_MODEL}
        return LibraryModel(
            self.prefix,
            name,
            {**settings, "model_type": config.model_type},
            version_of(self),
            source if is_folder else "",
        )

    def build(self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """Return the network for a number of token ids, and at least for this many tokens."""
        transformers: Any = package_of(self, model.name)
        length, vocabulary = input_shape
        try:
            config = self._config(model, n_classes)
            config.vocab_size = vocabulary
            positions = getattr(config, "max_position_embeddings", None)
            if isinstance(positions, int) and positions < length + 2:
                config.max_position_embeddings = (
                    length + 2
                )  # RoBERTa counts its positions from the padding's id on
            for key in ("pad_token_id", "bos_token_id", "eos_token_id"):
                if isinstance(getattr(config, key, None), int) and getattr(config, key) >= vocabulary:
                    setattr(config, key, None)
            pad = _padding(config)
            config.pad_token_id = pad
            network = transformers.AutoModelForSequenceClassification.from_config(
                config, dtype=torch.float32, trust_remote_code=False
            )
        except InputError:
            raise
        except Exception as error:  # a configuration may hold anything
            raise InputError(f"model {model.full_name!r}: can't be built: {first_line(error)}") from None
        return SequenceClassifier(network, pad)

    def _config(self, model: LibraryModel, n_classes: int) -> Any:
        transformers: Any = package_of(self, model.name)
        settings = {key: value for key, value in model.config.items() if key not in _NOT_OF_THE_MODEL}
        kind = settings.pop("model_type", None)
        if kind not in self.names():
            raise InputError(f"model {model.full_name!r}: transformers has no sequence classifier {kind!r}")
        for key in ("id2label", "label2id", "num_labels"):
            settings.pop(key, None)
        return transformers.CONFIG_MAPPING[kind](**settings, num_labels=n_classes)

    def pretrained(
        self, model: LibraryModel, input_shape: tuple[int, ...], n_classes: int, *, new_classifier: bool
    ) -> Pretrained:
        """Return the weights of a folder, or of the hub's cache or download."""
        transformers: Any = package_of(self, model.name)
        own = self._config(model, n_classes)
        length, vocabulary = input_shape
        if vocabulary > own.vocab_size:
            raise InputError(
                f"model {model.full_name!r}: it knows {own.vocab_size:,} token ids, and the data have {vocabulary:,}: "
                f"encode the texts with its own tokenizer, dataset: {{tokenizer: {model.name}}}"
            )
        positions = getattr(own, "max_position_embeddings", None)
        most = (
            None
            if positions is None
            else positions - (_padding(own) + 1 if "roberta" in own.model_type else 0)
        )
        if most is not None and length > most:
            raise InputError(
                f"model {model.full_name!r}: it reads {most} tokens, and the data have {length}: set dataset.length"
            )
        labels = {key: model.config[key] for key in ("id2label", "label2id") if key in model.config}
        theirs = len(labels.get("id2label", ())) or 2
        if not new_classifier and theirs != n_classes:
            raise InputError(
                f"model {model.full_name!r}: its weights are of {theirs:,} classes, and the data have {n_classes}: "
                "leave `finetune` out, and it gets a new classifier that is trained"
            )
        try:
            network, told = transformers.AutoModelForSequenceClassification.from_pretrained(
                model.source or model.name,
                config=own,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except Exception as error:
            raise InputError(
                f"model {model.full_name!r}: its pretrained weights can't be had ({first_line(error)})"
                + (
                    ""
                    if model.source
                    else ": where the hub can't be reached, bring its cache along ($HF_HOME)"
                )
            ) from None
        shape = (length, own.vocab_size)
        pad = _padding(own)
        new = {*told["missing_keys"], *(entry[0] for entry in told["mismatched_keys"])}
        if not new_classifier and new:
            raise InputError(
                f"model {model.full_name!r}: its weights have no classifier ({min(new)} is missing): leave "
                "`finetune` out"
            )
        state = SequenceClassifier(network, pad).state_dict()
        lacks: tuple[str, ...] = ()
        if new_classifier:
            head = classifier_tensors(lambda n: self.build(model, shape, n), n_classes)
            lacks = tuple(name for name in state if name in head or name.removeprefix("model.") in new)
        names = [str(labels["id2label"][key]) for key in sorted(labels.get("id2label", {}), key=int)]
        known = not new_classifier and names and not all(name.startswith("LABEL_") for name in names)
        return Pretrained(without(state, lacks), lacks, shape, classes=tuple(names) if known else None)


def _source(name: str) -> tuple[str, bool]:
    """Return where a configuration lies: a folder's path and True, or a name on the hub and False."""
    path = Path(name).expanduser()
    is_folder = name.startswith((".", "/", "~")) or path.is_dir()
    return (str(path.absolute()), True) if is_folder else (name, False)


def _padding(config: Any) -> int:
    for value in (config.pad_token_id, getattr(config, "eos_token_id", None)):
        if isinstance(value, int):
            return value
    return 0
