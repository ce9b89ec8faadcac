"""Augmented views of a split as a pure function of (seed, view, index), gathered in batches.

The same view of the same example has the same pixels in every process and in every batch. So the teacher's cached
logits of a view belong to exactly the pixels that the student sees.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from kdtune.errors import InputError


class Views:
    """Examples of one split, normalised, and augmented by a random crop and a random mirror image.

    A crop pads each side by `crop` pixels of zero (black, before normalisation, as is customary for CIFAR)
    and takes a window of the original size at a uniform offset; a flip mirrors left and right with
    probability 1/2.

    Images are uint8 [n, c, h, w] and become float32 (x / 255 - mean) / std, with mean and std on the 0..1
    scale. Tables are float32 [n, d] and become (x - mean) / std; they are unchanged if neither is given. Token
    ids are int64 [n, length] and are never changed.

    If views vary, a padded copy of the images is kept, and with `flip` a mirrored copy beside it, so that one
    gather crops and flips. It takes (1 + flip) (h + 2 crop) (w + 2 crop) / (h w) times the memory of the
    images. With `stream` no copy is kept: the inputs stay where they are, for example in a file that is mapped
    into memory, and each batch is read, padded and moved to the device separately. The pixels are the same.

    A draw depends only on (seed, view), the number of examples and crop. Threads must not share an instance,
    because it keeps the draw of the latest view.

    Attributes:
        values: number of values of one example.
    """

    def __init__(
        self,
        inputs: Tensor,
        *,
        mean: float | Sequence[float] | Tensor | None = None,
        std: float | Sequence[float] | Tensor | None = None,
        crop: int = 0,
        flip: bool = False,
        seed: int = 0,
        stream: bool = False,
    ) -> None:
        """Prepare the views of `inputs`; `mean` and `std` are numbers, or one for each channel or column.

        Raises:
            InputError: inputs of another type or shape, a crop or flip of a table, or a mean or std that does
                not fit.
        """
        _check(inputs, crop, flip)
        self.seed = seed
        self.crop = crop
        self.flip = flip
        self._n = len(inputs)
        self.values = math.prod(inputs.shape[1:])
        self._stream = stream
        self._device = inputs.device
        self._tokens = inputs.dtype == torch.int64
        if self._tokens and (mean is not None or std is not None):
            raise InputError("token ids have no mean or std: leave them out")
        self._scale, self._shift = _affine(inputs, mean, std)
        padded = self.varies and not stream
        self._store = _mirrored_and_padded(inputs, crop, flip) if padded else inputs
        self._view: int | None = None
        self._draw: Tensor | None = None

    def __len__(self) -> int:
        return self._n

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self._device

    @property
    def stored(self) -> torch.device:
        """The device of the stored inputs: where positions cost no copy."""
        return self._store.device

    @property
    def varies(self) -> bool:
        """Whether views differ: without crop and flip, all views are the plain inputs."""
        return self.crop > 0 or self.flip

    @property
    def affine(self) -> tuple[Tensor, Tensor]:
        """Factor and shift of plain inputs, float32, broadcast over [n, …]: normalised is x * factor + shift."""
        return self._scale, self._shift

    def batch(self, view: int, indices: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return examples `indices` (int64 [b]) as view `view` shows them: float32 [b, ...], contiguous.

        Args:
            rows: the same positions where the inputs are stored; without them they are moved there, and if that is
                from another device to the host, the host waits for it.
        """
        rows = indices if rows is None else rows
        if not self.varies:
            return self.plain(rows)
        at = indices.to(self._device)
        mirrored, top, left = self._draw_of(view)[:, at]
        if self._stream:
            images = self._store[rows.to(self.stored)].to(self._device)
            windows = self._windows(_mirrored_and_padded(images, self.crop, self.flip))
            at = torch.arange(len(images), device=self._device)
        else:
            windows = self._windows(self._store)
        return self._normalised(windows[mirrored, at, top, left])

    def plain(self, indices: Tensor | slice) -> Tensor:
        """Return examples without augmentation, normalised: float32 [b, ...] (token ids: int64), contiguous."""
        at = indices if isinstance(indices, slice) else indices.to(self.stored)
        if self.varies and not self._stream:
            return self._normalised(self._windows(self._store)[0, :, self.crop, self.crop][at])
        return self._normalised(self._store[at].to(self._device))

    def to(self, device: torch.device | str) -> Self:
        """Move the stored inputs to `device`, on which batches then are, and return self."""
        self._device = torch.device(device)
        if not self._stream:
            self._store = self._store.to(device)
        self._scale, self._shift = self._scale.to(device), self._shift.to(device)
        self._view = self._draw = None
        return self

    def _windows(self, store: Tensor) -> Tensor:
        """Return every crop of every image without copying: uint8 [mirrored, n, top, left, c, h, w]."""
        size = 2 * self.crop + 1
        mirrors, n, c, height, width = store.shape
        mirror, image, channel, row, column = store.stride()
        return store.as_strided(
            (mirrors, n, size, size, c, height - size + 1, width - size + 1),
            (mirror, image, row, column, channel, row, column),
        )

    def _draw_of(self, view: int) -> Tensor:
        """Return how a view changes each example, int64 [3, n]: 1 if it is mirrored, and two offsets in 0..2*crop."""
        if self._draw is None or self._view != view:
            # Always drawn on the CPU, because generators of other devices give other numbers for the same seed.
            generator = torch.Generator().manual_seed(_stable_hash(self.seed, view))
            size = 2 * self.crop + 1
            top, left, mirrored = (
                torch.randint(high, (self._n,), generator=generator) for high in (size, size, 1 + self.flip)
            )
            # In one copy to the device, and one operation a batch.
            self._view, self._draw = view, torch.stack((mirrored, top, left)).to(self._device)
        return self._draw

    def _normalised(self, x: Tensor) -> Tensor:
        if self._tokens:
            return x.contiguous()
        # One copy is changed in place: a new tensor for each operation takes four times as long on a CPU. `copy` is
        # needed because a slice of a float table shares its memory.
        out = x.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
        return out.mul_(self._scale).add_(self._shift)


def _check(inputs: Tensor, crop: int, flip: bool) -> None:
    shape, kind = list(inputs.shape), str(inputs.dtype).removeprefix("torch.")
    if inputs.dtype in (torch.float32, torch.int64) and inputs.dim() == 2:
        if crop or flip:
            what = "a table" if inputs.dtype == torch.float32 else "text"
            raise InputError(
                f"{what} cannot be cropped or flipped: leave crop and flip out for this data set"
            )
        return
    if inputs.dtype != torch.uint8 or inputs.dim() != 4:
        raise InputError(
            f"inputs must be uint8 [n, c, h, w], float32 [n, d] or int64 [n, length], not {kind} {shape}"
        )
    if not 0 <= crop < min(shape[2:]):
        raise InputError(
            f"crop must be from 0 to {min(shape[2:]) - 1} for images of {shape[2]}x{shape[3]}, not {crop}"
        )


def _affine(
    inputs: Tensor,
    mean: float | Sequence[float] | Tensor | None,
    std: float | Sequence[float] | Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return (scale, shift) such that x * scale + shift is the normalised x, computed in float64."""
    mean64 = torch.as_tensor(0.0 if mean is None else mean, dtype=torch.float64, device=inputs.device)
    std64 = torch.as_tensor(1.0 if std is None else std, dtype=torch.float64, device=inputs.device)
    size = inputs.shape[1]
    for name, value in (("mean", mean64), ("std", std64)):
        if value.dim() > 1 or value.numel() not in (1, size):
            raise InputError(f"{name} must be one number or {size} numbers, not of shape {list(value.shape)}")
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"{name} must be finite")
    if not bool((std64 > 0).all()):
        raise InputError(
            "std must be above zero: leave constant channels and columns out, or give them std 1"
        )
    full = 255.0 if inputs.dtype == torch.uint8 else 1.0
    trailing = (1,) * (inputs.dim() - 2)
    scale, shift = 1 / (full * std64), -mean64 / std64
    return (
        scale.expand(size).reshape(size, *trailing).float(),
        shift.expand(size).reshape(size, *trailing).float(),
    )


def _mirrored_and_padded(images: Tensor, crop: int, flip: bool) -> Tensor:
    """Return uint8 [1 + flip, n, c, h + 2 crop, w + 2 crop]: the padded images, and their mirror images."""
    n, c, h, w = images.shape
    store = images.new_zeros((1 + flip, n, c, h + 2 * crop, w + 2 * crop))
    inner = store[..., crop : crop + h, crop : crop + w]
    inner[0] = images
    if flip:
        # In blocks, because `flip` copies: a mirrored copy of all images would add to the peak of memory.
        for start in range(0, n, 4096):
            block = slice(start, start + 4096)
            inner[1, block] = images[block].flip(-1)
    return store


def _stable_hash(seed: int, view: int) -> int:
    """Return 32 bits that depend only on seed and view; Python's `hash` may change between releases."""
    # 32 bits, because torch's CPU generator ignores the rest of its seed.
    return int.from_bytes(hashlib.blake2b(f"{seed}/{view}".encode(), digest_size=4).digest(), "little")
