"""Drawing Trifeature images in batches: shapes, textures and colours as predicates on rotated coordinates.

The recipe is Hermann & Lampinen's (arXiv 2006.12433): a shape in a box of 128/224 of the image, rotated
within ±45° and placed at random, fully inside the image; a texture rotated independently; one colour; a grey
background. The drawing is ours. Every sample point is either inside the shape or outside, and either bright or
dark. So a pixel is a count of its sample points, and depends neither on the batch nor on the machine.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GENERATOR_VERSION = 1
"""Part of every cache key: raise it whenever a pixel may come out differently."""

BOX = 128 / 224
"""Side of the shape's box, as a share of the image's side."""

SAMPLES = 3
"""Sample points along each side of a pixel."""

DARK = 0.25
"""Brightness of a texture's dark parts: low enough to recognise the texture, high enough to keep the colour."""

N_PARAMETERS = 7
"""Number of uniform numbers that an image needs besides its features: see `render`."""

COLORS: dict[str, tuple[float, float, float]] = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "pink": (1, 0.4, 1),
    "cyan": (0, 1, 1),
    "purple": (0.3, 0, 0.5),
    "ocean": (0.1, 0.4, 0.5),
    "orange": (1, 0.6, 0),
    "white": (1, 1, 1),
}

Predicate = Callable[[Tensor, Tensor], Tensor]
Outline = tuple[tuple[float, float], ...]
_TURN = 2 * np.pi


def _five_corners() -> Outline:
    return tuple((float(np.sin(k * _TURN / 5)), float(-np.cos(k * _TURN / 5))) for k in range(5))


def _count_half_planes(x: Tensor, y: Tensor, distance: float) -> Tensor:
    """Return how many of the five lines opposite to the corners have a point on their inner side."""
    return torch.stack([(-cx * x - cy * y) <= distance for cx, cy in _five_corners()]).sum(0)


def _five_squares(x: Tensor, y: Tensor) -> Tensor:
    column, row = ((x + 1) * 1.5).floor(), ((y + 1) * 1.5).floor()
    return (torch.maximum(x.abs(), y.abs()) < 1) & ((column + row) % 2 == 0)


_CORNERS: Outline = ((-1, -1), (1, -1), (1, 1), (-1, 1))
_THIRD = 1 / 3

# Each shape fills, or nearly fills, the box -1..1 (y points down). The outline is the hull that must stay
# inside the image. The rhombus is narrow and the trapezoid flat, because a square turned by 45° must look
# different from both.
SHAPES: dict[str, tuple[Predicate, Outline]] = {
    "triangle": (
        lambda x, y: (x.abs() * 2 <= y + 1) & (y <= 1),
        ((0, -1), (1, 1), (-1, 1)),
    ),
    "square": (lambda x, y: torch.maximum(x.abs(), y.abs()) <= 1, _CORNERS),
    "plus": (
        lambda x, y: (torch.minimum(x.abs(), y.abs()) <= _THIRD) & (torch.maximum(x.abs(), y.abs()) <= 1),
        tuple((sx * a, sy * b) for sx in (-1, 1) for sy in (-1, 1) for a, b in ((1, _THIRD), (_THIRD, 1))),
    ),
    "circle": (
        lambda x, y: x * x + y * y <= 1,
        tuple((float(np.cos(k * _TURN / 64)), float(np.sin(k * _TURN / 64))) for k in range(64)),
    ),
    "tee": (
        lambda x, y: (torch.maximum(x.abs(), y.abs()) <= 1) & ((y <= -_THIRD) | (x.abs() <= _THIRD)),
        ((-1, -1), (1, -1), (1, -_THIRD), (-1, -_THIRD), (_THIRD, 1), (-_THIRD, 1)),
    ),
    "rhombus": (lambda x, y: x.abs() / 0.65 + y.abs() <= 1, ((0, -1), (0.65, 0), (0, 1), (-0.65, 0))),
    "pentagon": (lambda x, y: _count_half_planes(x, y, float(np.cos(_TURN / 10))) == 5, _five_corners()),
    # A point is in a pentagram when at least four of its five lines have it on their inner side.
    "star": (lambda x, y: _count_half_planes(x, y, float(np.cos(_TURN / 5))) >= 4, _five_corners()),
    "fivesquare": (_five_squares, _CORNERS),
    "trapezoid": (
        lambda x, y: (x.abs() <= 0.7 + 0.5 * y) & (y.abs() <= 0.6),
        ((-0.4, -0.6), (0.4, -0.6), (1, 0.6), (-1, 0.6)),
    ),
}


def _frac(x: Tensor) -> Tensor:
    return x - x.floor()


def _hexgrid(u: Tensor, v: Tensor) -> Tensor:
    """Hexagonal tiles with dark seams: a point is bright when it is much nearer to one tile centre than to the
    next."""
    root = 3**0.5
    best: Tensor | None = None
    for shift in (0.0, 0.5):
        du = (_frac(u + shift) - 0.5).abs()
        dv = ((_frac(v / root + shift) - 0.5) * root).abs()
        # Distance from the tile centre as a hexagon measures it: 0.5 on the tile's edge.
        reach = torch.maximum(du, du * 0.5 + dv * (root / 2))
        best = reach if best is None else torch.minimum(best, reach)
    assert best is not None
    return best < 0.36


def _cell(x: Tensor) -> Tensor:
    """Position within a cell, -0.5..0.5."""
    return _frac(x) - 0.5


def _rain(u: Tensor, v: Tensor) -> Tensor:
    column = (u * 1.5).floor()
    return (_cell(u * 1.5).abs() < 0.24) & (_frac(v * 0.75 + column * 0.5) < 0.6)


def _pluses(u: Tensor, v: Tensor) -> Tensor:
    """Separate pluses in staggered rows: in straight rows they would join to a grid."""
    du, dv = _cell(u * 0.9 + (v * 0.9).floor() * 0.5).abs(), _cell(v * 0.9).abs()
    return (torch.minimum(du, dv) < 0.13) & (torch.maximum(du, dv) < 0.38)


def _noise(u: Tensor, v: Tensor) -> Tensor:
    """Bright or dark, by a hash of the cell; a cell is a third of a period wide."""
    i, j = (u * 3).floor().to(torch.int64), (v * 3).floor().to(torch.int64)
    h = (i * 374761393 + j * 668265263) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 2246822519) & 0xFFFFFFFF
    return ((h >> 15) & 1).bool()


# Coordinates are in texture periods; True is bright.
TEXTURES: dict[str, Predicate] = {
    "solid": lambda u, v: torch.ones_like(u + v, dtype=torch.bool),
    "stripes": lambda u, v: _frac(u + 0 * v) < 0.5,
    "grid": lambda u, v: (_frac(u) < 0.3) | (_frac(v) < 0.3),
    "hexgrid": _hexgrid,
    "dots": lambda u, v: _cell(u) ** 2 + _cell(v) ** 2 < 0.33**2,
    "noise": _noise,
    "triangles": lambda u, v: (_cell(u).abs() * 2 < _frac(v) - 0.1) & (_frac(v) < 0.95),
    "zigzags": lambda u, v: _frac(v + _cell(u * 0.7).abs() * 1.4) < 0.5,
    "rain": _rain,
    "pluses": _pluses,
}


def texture_period(size: int) -> float:
    """Return the pixels between repeats: 10 at 224 pixels, as in the recipe, and at least enough to show the
    pattern."""
    return max(10 * size / 224, 6.0)


def render(
    shapes: NDArray[np.int64],
    textures: NDArray[np.int64],
    colors: NDArray[np.int64],
    parameters: NDArray[np.float64],
    size: int,
) -> Tensor:
    """Draw images.

    Args:
        shapes: [n], positions in `SHAPES`.
        textures: [n], positions in `TEXTURES`.
        colors: [n], positions in `COLORS`.
        parameters: [n, N_PARAMETERS], uniform in 0..1: angle of the shape, angle of the texture, place (2), shift
            of the texture (2), and the place in the plane from which the noise is taken.
        size: side of the image in pixels.

    Returns:
        uint8 [n, 3, size, size]; each image depends only on its own row of the arguments.
    """
    n = len(shapes)
    images = torch.empty(n, 3, size, size, dtype=torch.uint8)
    chunk = max(1, 4_000_000 // (size * SAMPLES) ** 2)
    # Sorted, so that a chunk holds few different shapes. Chunks are small enough for the processor's cache.
    order = np.lexsort((textures, shapes))
    for start in range(0, n, chunk):
        rows = order[start : start + chunk]
        drawn = _render_chunk(shapes[rows], textures[rows], colors[rows], parameters[rows], size)
        images[torch.from_numpy(rows)] = drawn
    return images


def _turned(
    angle: NDArray[np.float64], cx: NDArray[np.float64], cy: NDArray[np.float64], scale: float, size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Split the turned coordinates of each sample point into the part of its column and the part of its row.

    Returns four tensors, [n, 1, W], [n, H, 1], [n, 1, W], [n, H, 1]: x is the sum of the first two, y of the
    others.
    """
    points = (np.arange(size * SAMPLES) + 0.5) / SAMPLES
    # Rounded, because the last bit of a sine may differ between machines, and they must draw the same image.
    cos, sin = np.round(np.cos(angle), 6), np.round(np.sin(angle), 6)
    dx, dy = (points[None, :] - cx[:, None]) / scale, (points[None, :] - cy[:, None]) / scale

    def column(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32))[:, None, :]

    def row(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32))[:, :, None]

    return (
        column(dx * cos[:, None]),
        row(dy * sin[:, None]),
        column(-dx * sin[:, None]),
        row(dy * cos[:, None]),
    )


def _centres(
    shapes: NDArray[np.int64],
    angle: NDArray[np.float64],
    place: NDArray[np.float64],
    half_box: float,
    size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centres, [n] each, for which every turned outline is fully inside the image."""
    centres = np.empty((len(shapes), 2))
    outlines = [np.array(outline) for _, outline in SHAPES.values()]
    cos, sin = np.round(np.cos(angle), 6), np.round(np.sin(angle), 6)
    for i, shape in enumerate(shapes):
        x, y = outlines[shape].T * half_box
        for axis, extent in enumerate((x * cos[i] - y * sin[i], x * sin[i] + y * cos[i])):
            low, high = -extent.min(), size - extent.max()
            centres[i, axis] = low + place[i, axis] * (high - low)
    return centres[:, 0], centres[:, 1]


def _add(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _render_chunk(
    shapes: NDArray[np.int64],
    textures: NDArray[np.int64],
    colors: NDArray[np.int64],
    parameters: NDArray[np.float64],
    size: int,
) -> Tensor:
    n, side = len(shapes), size * SAMPLES
    turn, turn_texture = ((parameters[:, k] - 0.5) * (_TURN / 4) for k in (0, 1))
    half_box = BOX * size / 2
    cx, cy = _centres(shapes, turn, parameters[:, 2:4], half_box, size)
    period = texture_period(size)
    shift = (parameters[:, 4:6] + np.floor(parameters[:, 6:7] * 4096)) * period

    inside = torch.empty(n, side, side, dtype=torch.bool)
    x_column, x_row, y_column, y_row = _turned(turn, cx, cy, half_box, size)
    for k in np.unique(shapes):
        rows = torch.from_numpy(np.flatnonzero(shapes == k))
        predicate = list(SHAPES.values())[k][0]
        inside[rows] = predicate(x_column[rows] + x_row[rows], y_column[rows] + y_row[rows])
    bright = torch.empty(n, side, side, dtype=torch.bool)
    u_column, u_row, v_column, v_row = _turned(turn_texture, cx + shift[:, 0], cy + shift[:, 1], period, size)
    for k in np.unique(textures):
        rows = torch.from_numpy(np.flatnonzero(textures == k))
        predicate = list(TEXTURES.values())[k]
        bright[rows] = predicate(u_column[rows] + u_row[rows], v_column[rows] + v_row[rows])

    def per_pixel(points: Tensor) -> Tensor:
        # Adding slices of bytes takes a fifth of the time of a sum over two dimensions.
        points = points.view(torch.uint8).view(n, size, SAMPLES, side)
        points = _add([points[:, :, k] for k in range(SAMPLES)])
        counts = _add([points[:, :, k::SAMPLES] for k in range(SAMPLES)]).double()
        return counts / SAMPLES**2

    covered, lit = per_pixel(inside), per_pixel(inside & bright)
    shade = DARK * covered + (1 - DARK) * lit
    color = torch.tensor(list(COLORS.values()), dtype=torch.float64)[torch.from_numpy(colors)]
    picture = 0.5 * (1 - covered)[:, None] + color[:, :, None, None] * shade[:, None]
    return (picture * 255).round().to(torch.uint8)
