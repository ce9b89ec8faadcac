"""Trifeature: generated images with a shape, a texture and a colour (Hermann & Lampinen, arXiv
2006.12433)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from kdtune.data.cache import cached_tensors
from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.groups import attribute_names, columns_of, cross_codes, cross_groups
from kdtune.data.ids import row_ids
from kdtune.data.options import Seed
from kdtune.data.preparation import image_preparation
from kdtune.data.registry import register_dataset
from kdtune.data.trifeature.drawing import (
    COLORS,
    GENERATOR_VERSION,
    N_PARAMETERS,
    SHAPES,
    TEXTURES,
    render,
)
from kdtune.errors import DataError, did_you_mean
from kdtune.memory import check_memory

Feature = Literal["shape", "texture", "color"]
Values = Annotated[int, Field(ge=1, le=10)] | Sequence[str]
Size = Annotated[int, Field(ge=1)]
Noise = Annotated[float, Field(ge=0, le=1)]

_ALL: dict[str, tuple[str, ...]] = {
    "shape": tuple(SHAPES),
    "texture": tuple(TEXTURES),
    "color": tuple(COLORS),
}
_SPLITS = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class _Recipe:
    """Everything that the pixels depend on, besides the split and its size."""

    image_size: int
    label: str
    features: dict[str, tuple[str, ...]]
    balanced: tuple[str, ...]
    correlation: float
    pixel_noise: tuple[float, ...]
    seed: int


@register_dataset("trifeature")
def load_trifeature(
    *,
    image_size: Annotated[int, Field(ge=32)] = 32,
    label: Feature = "shape",
    sensitive: str | Sequence[str] = "color",
    shapes: Values = 10,
    textures: Values = 10,
    colors: Values = 10,
    n_train: Size = 4000,
    n_validation: Size = 1000,
    n_test: Size = 2000,
    correlation: Annotated[float, Field(ge=0, le=1)] = 0.0,
    pixel_noise: Noise | Mapping[str, Noise] = 0.0,
    seed: Seed = 0,
) -> Dataset:
    """Generate Trifeature images, or take them from the cache.

    Labels and sensitive features are spread over all their combinations, as evenly as the split's size allows.
    The remaining feature is drawn at random. In train, with probability `correlation`, an image's first sensitive
    feature takes the value that its class prefers (the class's position modulo the number of values): a bias of
    any strength. Validation and test are never correlated.

    There is no augmentation. Angle, place and texture are drawn separately for every image. A crop would cut off
    shapes that touch the border, and a flip would show textures in directions that the recipe does not draw (the
    mirror image of a tilted zigzag tilts the other way).

    Args:
        image_size: side in pixels.
        label: the feature that is the class.
        sensitive: the features, or intersections (`color*texture`), that are the groups.
        shapes: how many of the ten, or which.
        textures: how many of the ten, or which.
        colors: how many of the ten, or which.
        n_train: images in train.
        n_validation: images in validation.
        n_test: images in test.
        correlation: of the first sensitive feature with the label, only in train, 0 to 1.
        pixel_noise: standard deviation of Gaussian noise on each value, on the 0..1 scale; or one for each value of
            the first sensitive feature, so that a group has worse images. It is the same in all splits.
        seed: image i of a split depends only on the seed, the split and i, not on the split's size.

    Raises:
        DataError: a feature or value is unknown, or the label is also sensitive.
    """
    attributes = attribute_names(sensitive)
    balanced = columns_of(attributes)
    for name in balanced:
        if name not in _ALL:
            raise DataError(
                f"trifeature has no feature {name!r}{did_you_mean(name, _ALL)} (features: {', '.join(_ALL)})"
            )
        if name == label:
            raise DataError(f"trifeature: {name!r} is the label and cannot be sensitive as well")
    if correlation > 0 and not balanced:
        raise DataError("trifeature: correlation needs a sensitive feature")
    features = {
        feature: _choose(option, _ALL[feature], chosen)
        for (feature, option, chosen) in (
            ("shape", "shapes", shapes),
            ("texture", "textures", textures),
            ("color", "colors", colors),
        )
    }
    for name in (label, *balanced):
        if len(features[name]) < 2:
            raise DataError(f"trifeature: {name!r} is the label or sensitive, and needs at least two values")
    noise = _noise_levels(pixel_noise, features[balanced[0]] if balanced else ())
    n = n_train + n_validation + n_test
    remedy = "set a smaller `image_size`, `n_train`, `n_validation` or `n_test`"
    pixels = f"trifeature: the pixels of {n:,} images of {image_size}x{image_size}"
    check_memory(3 * n * image_size**2, pixels, remedy, DataError)
    recipe = _Recipe(image_size, label, features, balanced, float(correlation), noise, seed)

    def split(name: str, n: int) -> Split:
        return _split(recipe, attributes, name, n)

    train, validation = split("train", n_train), split("validation", n_validation)
    groups = cross_groups(attributes, features)
    normalisation = Normalisation.of(train.inputs)
    return Dataset(
        name="trifeature",
        classes=features[label],
        attributes=groups,
        train=train,
        validation=validation,
        normalisation=normalisation,
        augmentation=Augmentation(),
        preprocessing=image_preparation(train.inputs, normalisation),
        fingerprint=fingerprint(train, validation, features[label], groups),
        open_test=partial(_split, recipe, attributes, "test", n_test),
    )


def _choose(option: str, known: tuple[str, ...], chosen: int | Sequence[str]) -> tuple[str, ...]:
    if isinstance(chosen, int):
        return known[:chosen]
    for value in chosen:
        if value not in known:
            raise DataError(
                f"trifeature, option {option!r}: unknown value {value!r}{did_you_mean(value, known)} "
                f"(known: {', '.join(known)})"
            )
    if len(set(chosen)) < len(chosen):
        raise DataError(f"trifeature, option {option!r}: a value is named twice")
    return tuple(chosen)


@dataclass(frozen=True)
class SeedOf:
    """Independent random generators for the purposes of one split: `seed_of(purpose, block)`."""

    seed: int
    split: str

    def __call__(self, purpose: int, block: int) -> np.random.Generator:
        """Return a new generator for `purpose`."""
        # SeedSequence takes no negative numbers.
        sign, size = int(self.seed < 0), abs(self.seed)
        return np.random.default_rng([sign, size, _SPLITS[self.split], purpose, block])


def draw_features(
    features: Mapping[str, tuple[str, ...]],
    label: str,
    balanced: Sequence[str],
    *,
    n: int,
    rng_of: SeedOf,
    correlation: float = 0.0,
) -> dict[str, NDArray[np.int64]]:
    """Draw each image's shape, texture and colour, as positions in `features`, int64 [n] each.

    Images come in blocks. Each is a Latin arrangement of all combinations of the label and the `balanced`
    features: a whole block has every combination once. The first k images of a block have every class, and every
    value of the first balanced feature, equally often to within one. Within a block, each feature's values are
    shuffled.
    """
    order = (label, *balanced)
    sizes = [len(features[name]) for name in order]
    block_size = int(np.prod(sizes))
    values: dict[str, NDArray[np.int64]] = {name: np.empty(n, dtype=np.int64) for name in features}
    within = np.arange(block_size)
    digits = [within % sizes[0]]
    rest = within // sizes[0]
    for size in sizes[1:]:
        # Shifted by the digit before, so that each value of one feature meets all values of the next.
        digits.append((rest % size + digits[-1]) % size)
        rest = rest // size
    for block, start in enumerate(range(0, n, block_size)):
        rng = rng_of(1, block)
        stop = min(start + block_size, n)
        for name, digit in zip(order, digits, strict=True):
            values[name][start:stop] = rng.permutation(len(features[name]))[digit[: stop - start]]
    uniform = rng_of(2, 0).random((n, 2))
    for name in features:
        if name not in order:
            values[name] = (uniform[:, 0] * len(features[name])).astype(np.int64)
    if correlation > 0:
        preferred = values[label] % len(features[balanced[0]])
        values[balanced[0]] = np.where(uniform[:, 1] < correlation, preferred, values[balanced[0]])
    return values


def _split(recipe: _Recipe, attributes: tuple[str, ...], name: str, n: int) -> Split:
    options = {**asdict(recipe), "split": name, "n": n, "version": GENERATOR_VERSION}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:24]
    kept = cached_tensors(f"trifeature/{digest}", partial(_generate, recipe, name, n))
    groups = cross_codes(attributes, kept, recipe.features)
    return Split(kept["inputs"], kept[recipe.label], groups, ids=row_ids(range(n), name))


def _generate(recipe: _Recipe, split: str, n: int) -> dict[str, Tensor]:
    rng_of = SeedOf(recipe.seed, split)
    correlation = recipe.correlation if split == "train" else 0.0
    drawn = draw_features(
        recipe.features, recipe.label, recipe.balanced, n=n, rng_of=rng_of, correlation=correlation
    )
    among_all = {
        name: np.array([_ALL[name].index(value) for value in recipe.features[name]])[drawn[name]]
        for name in _ALL
    }
    parameters = rng_of(3, 0).random((n, N_PARAMETERS))
    images = render(
        among_all["shape"], among_all["texture"], among_all["color"], parameters, recipe.image_size
    )
    if max(recipe.pixel_noise) > 0:
        group = drawn[recipe.balanced[0]] if recipe.balanced else np.zeros(n, dtype=np.int64)
        levels = np.resize(recipe.pixel_noise, int(group.max()) + 1)[group]
        images = _add_noise(images, levels, rng_of(4, 0))
    return {"inputs": images, **{name: torch.from_numpy(codes) for name, codes in drawn.items()}}


def _noise_levels(pixel_noise: float | Mapping[str, float], groups: tuple[str, ...]) -> tuple[float, ...]:
    """Return the noise of all images, or of each group, in order."""
    if not isinstance(pixel_noise, Mapping):
        return (float(pixel_noise),)
    if not groups:
        raise DataError("trifeature: pixel_noise by group needs a sensitive feature")
    for name in pixel_noise:
        if name not in groups:
            raise DataError(
                f"trifeature: pixel_noise names {name!r}{did_you_mean(name, groups)} (groups: {', '.join(groups)})"
            )
    return tuple(float(pixel_noise.get(name, 0.0)) for name in groups)


def _add_noise(images: Tensor, levels: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Add Gaussian noise in place; `levels` has the standard deviation for each image, float [n]."""
    for image, std in zip(images, levels.tolist(), strict=True):
        noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
        image.copy_((image + noise * (255 * std)).round().clamp(0, 255).to(torch.uint8))
    return images
