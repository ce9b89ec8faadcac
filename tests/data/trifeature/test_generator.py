"""Trifeature: what is drawn, how it is spread, and how the cache behaves."""

import numpy as np
import pytest
import torch

from kdtune.data import load
from kdtune.data.trifeature.drawing import COLORS, N_PARAMETERS, SHAPES, TEXTURES, render
from kdtune.data.trifeature.generator import SeedOf, draw_features
from kdtune.errors import DataError

SMALL = {"n_train": 40, "n_validation": 30, "n_test": 20}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)


def images(shape, texture, color, *, n=20, size=64, seed=0):
    parameters = np.random.default_rng(seed).random((n, N_PARAMETERS))
    full = [
        np.full(n, list(known).index(name))
        for known, name in ((SHAPES, shape), (TEXTURES, texture), (COLORS, color))
    ]
    return render(*full, parameters, size)


# Areas of the shapes in a box of side 2, in closed form.
AREAS = {
    "triangle": 2.0,
    "square": 4.0,
    "plus": 4 * 5 / 9,
    "circle": np.pi,
    "tee": 4 * 5 / 9,
    "rhombus": 2 * 0.65,
    "pentagon": 2.5 * np.sin(2 * np.pi / 5),
    "star": 5 * np.sin(np.pi / 5) * np.sin(np.pi / 10) / np.sin(7 * np.pi / 10),
    "fivesquare": 4 * 5 / 9,
    "trapezoid": 1.2 * (0.4 + 1.0),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_every_shape_is_whole_and_has_its_area(shape) -> None:
    drawn = images(shape, "solid", "white")
    coverage = (drawn[:, 0].double() - 128) / 127
    half_box = 64 * 128 / 224 / 2
    assert coverage.sum((1, 2)).numpy() == pytest.approx(AREAS[shape] * half_box**2, rel=0.03)


@pytest.mark.parametrize("color", list(COLORS))
def test_a_solid_shape_has_its_color_on_a_grey_ground(color) -> None:
    drawn = images("square", "solid", color, n=1, size=64)[0].reshape(3, -1).T.tolist()
    expected = [round(255 * value) for value in COLORS[color]]
    assert drawn.count(expected) > 800
    assert drawn.count([128, 128, 128]) > 1500


@pytest.mark.parametrize("texture", [name for name in TEXTURES if name != "solid"])
@pytest.mark.parametrize("size", [32, 64])
def test_every_texture_shows_light_and_dark(texture, size) -> None:
    red = images("square", texture, "red", size=size)[:, 0].flatten()
    assert (red == 255).float().mean() > 0.01
    assert (red == 64).float().mean() > 0.01


def test_shapes_differ_even_when_turned() -> None:
    """A nearest-mean classifier on the sorted distances from the centre of mass tells the shapes apart."""

    def descriptor(drawn):
        mask = (drawn[:, 0].double() - 128) / 127
        grid = torch.arange(64.0, dtype=torch.float64)
        total = mask.sum((1, 2))
        cy, cx = (mask.sum(2) * grid).sum(1) / total, (mask.sum(1) * grid).sum(1) / total
        r = (
            (grid[None, :, None] - cy[:, None, None]) ** 2 + (grid[None, None] - cx[:, None, None]) ** 2
        ).sqrt()
        return torch.stack([(mask * (r >= k) * (r < k + 2)).sum((1, 2)) for k in range(0, 28, 2)], 1)

    train = torch.stack([descriptor(images(s, "solid", "white", seed=1)).mean(0) for s in SHAPES])
    for k, shape in enumerate(SHAPES):
        test = descriptor(images(shape, "solid", "white", seed=2))
        assert (torch.cdist(test, train).argmin(1) == k).all(), shape


def test_an_image_depends_on_its_own_row_only() -> None:
    rng = np.random.default_rng(3)
    features = rng.integers(0, 10, (3, 30))
    parameters = rng.random((30, N_PARAMETERS))
    together = render(*features, parameters, 32)
    alone = torch.cat([render(*features[:, i : i + 1], parameters[i : i + 1], 32) for i in range(30)])
    assert torch.equal(together, alone)


def test_a_longer_split_begins_like_a_shorter_one() -> None:
    short, long = load("trifeature", **SMALL), load("trifeature", **{**SMALL, "n_train": 250})
    assert torch.equal(short.train.inputs, long.train.inputs[:40])
    assert torch.equal(short.train.labels, long.train.labels[:40])


@pytest.mark.parametrize("n", [7, 100, 250, 1000])
def test_cells_are_balanced_as_evenly_as_possible(n) -> None:
    features = {"shape": tuple("abcd"), "texture": tuple("xyz"), "color": tuple("rgb12")}
    drawn = draw_features(features, "shape", ["color"], n=n, rng_of=SeedOf(0, "test"))
    cells = np.bincount(drawn["shape"] * 5 + drawn["color"], minlength=20)
    assert cells.max() - cells.min() <= 1
    for name in ("shape", "color"):
        sizes = np.bincount(drawn[name], minlength=len(features[name]))
        assert sizes.max() - sizes.min() <= 2


def test_three_features_are_balanced_over_all_combinations() -> None:
    features = {"shape": tuple("abc"), "texture": tuple("xy"), "color": tuple("rgb1")}
    drawn = draw_features(features, "shape", ["color", "texture"], n=48, rng_of=SeedOf(5, "test"))
    cells = np.bincount(drawn["shape"] * 8 + drawn["color"] * 2 + drawn["texture"])
    assert cells.tolist() == [2] * 24


@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_correlation_shows_in_train_only(correlation) -> None:
    data = load(
        "trifeature", n_train=3000, n_validation=100, n_test=100, correlation=correlation, shapes=5, colors=4
    )

    def share_of_preferred(split):
        return (split.groups["color"] == split.labels % 4).double().mean().item()

    # 4 standard errors of a share in 3000.
    assert share_of_preferred(data.train) == pytest.approx(correlation + (1 - correlation) / 4, abs=0.036)
    assert share_of_preferred(data.validation) == 0.25
    assert share_of_preferred(data.open_test()) == 0.25


def test_splits_and_seeds_differ_and_repeat() -> None:
    data, again = load("trifeature", **SMALL), load("trifeature", **SMALL)
    other = load("trifeature", **SMALL, seed=1)
    assert data.fingerprint == again.fingerprint != other.fingerprint
    assert not torch.equal(data.train.inputs[:20], data.validation.inputs[:20])
    assert not torch.equal(data.validation.inputs[:20], data.open_test().inputs)


def test_pixels_are_those_recorded() -> None:
    """Recorded value: a pixel that changes needs a new GENERATOR_VERSION."""
    assert load("trifeature", **SMALL).fingerprint.startswith("31767206eebc")


def test_label_and_groups_follow_the_options() -> None:
    data = load(
        "trifeature", label="color", sensitive=["shape", "shape*texture"], shapes=2, textures=3, **SMALL
    )
    assert data.classes == tuple(COLORS)
    assert data.attributes["shape"] == ("triangle", "square")
    assert data.attributes["shape*texture"][1] == "triangle*stripes"
    assert len(data.attributes["shape*texture"]) == 6
    assert data.input_shape == (3, 32, 32)
    assert (data.augmentation.crop, data.augmentation.flip) == (0, False)


def test_normalisation_is_that_of_train() -> None:
    data = load("trifeature", **SMALL)
    scaled = data.train.inputs.double() / 255
    assert data.normalisation.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-12)
    assert data.normalisation.std == pytest.approx(scaled.std((0, 2, 3), correction=0).tolist(), abs=1e-12)


def test_noise_is_added_and_repeats() -> None:
    quiet, noisy = load("trifeature", **SMALL), load("trifeature", **SMALL, pixel_noise=0.1)
    difference = (noisy.train.inputs.double() - quiet.train.inputs.double())[quiet.train.inputs == 128]
    assert difference.std().item() == pytest.approx(25.5, rel=0.02)
    assert noisy.fingerprint == load("trifeature", **SMALL, pixel_noise=0.1).fingerprint


def test_noise_of_one_group_leaves_the_others_as_they_are() -> None:
    noisy = load("trifeature", **SMALL, sensitive="color", colors=["red", "blue"], pixel_noise={"blue": 0.1})
    quiet = load("trifeature", **SMALL, sensitive="color", colors=["red", "blue"])
    for split in ("train", "validation"):
        change = (getattr(noisy, split).inputs != getattr(quiet, split).inputs).flatten(1).any(dim=1)
        assert torch.equal(change, getattr(noisy, split).groups["color"] == 1)
    with pytest.raises(DataError, match=r"'green'.*red, blue"):
        load("trifeature", **SMALL, sensitive="color", colors=["red", "blue"], pixel_noise={"green": 0.1})
    with pytest.raises(DataError, match="needs a sensitive feature"):
        load("trifeature", **SMALL, sensitive=[], pixel_noise={"red": 0.1})


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-9] + bytes(9), lambda b: b""])
def test_a_damaged_cache_file_is_made_again(tmp_path, damage) -> None:
    data = load("trifeature", **SMALL)
    files = sorted((tmp_path / "cache" / "trifeature").iterdir())
    assert len(files) == 2
    whole = files[0].read_bytes()
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    assert load("trifeature", **SMALL).fingerprint == data.fingerprint
    assert files[0].read_bytes() == whole


def test_the_test_split_is_not_drawn_before_it_is_opened(tmp_path) -> None:
    data = load("trifeature", **SMALL)
    before = set((tmp_path / "cache" / "trifeature").iterdir())
    assert len(data.open_test()) == 20
    assert len(set((tmp_path / "cache" / "trifeature").iterdir()) - before) == 1


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "file" / "below"))
    assert len(load("trifeature", **SMALL).train) == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensitive": "colour"}, "did you mean 'color'"),
        ({"sensitive": "shape"}, "label"),
        ({"colors": ["red", "gren"]}, "did you mean 'green'"),
        ({"colors": ["red", "red"]}, "twice"),
        ({"colors": 1}, "at least two"),
        ({"image_size": 16}, "greater than or equal to 32"),
        ({"correlation": 1.5}, "less than or equal to 1"),
        ({"label": "size"}, "'shape', 'texture' or 'color'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message) -> None:
    with pytest.raises(DataError, match=message):
        load("trifeature", **options)


@pytest.mark.parametrize("option", [{"image_size": 10**6}, {"n_train": 10**12}, {"n_test": 10**12}])
def test_images_that_do_not_fit_into_memory_are_refused_before_one_is_drawn(option) -> None:
    with pytest.raises(
        DataError, match=r"^trifeature: .* take [\d,.]+ GB of memory, .*: set a smaller `image_size`"
    ):
        load("trifeature", **{**SMALL, **option})
