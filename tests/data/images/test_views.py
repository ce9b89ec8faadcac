import pickle
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kdtune.data.images.views import Views
from kdtune.errors import InputError

MEAN, STD = (0.2, 0.5, 0.7), (0.3, 0.25, 0.1)


def images(n: int = 12, c: int = 3, h: int = 6, w: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, 256, (n, c, h, w), dtype=torch.uint8, generator=generator)


def normalised(x: np.ndarray, mean: Sequence[float] = MEAN, std: Sequence[float] = STD) -> np.ndarray:
    channels = (-1, 1, 1)
    return (x / 255 - np.reshape(mean, channels)) / np.reshape(std, channels)


def moved(image: np.ndarray, top: int, left: int, mirrored: bool, crop: int) -> np.ndarray:
    """Return the window of one image, pixel by pixel: the oracle."""
    c, h, w = image.shape
    source = image[:, :, ::-1] if mirrored else image
    out = np.zeros((c, h, w))
    for y in range(h):
        for x in range(w):
            row, column = y + top - crop, x + left - crop
            if 0 <= row < h and 0 <= column < w:
                out[:, y, x] = source[:, row, column]
    return out


def found(image: np.ndarray, shown: np.ndarray, crop: int) -> list[tuple[int, int, bool]]:
    """Return every (top, left, mirrored) under which the oracle shows `shown`."""
    size = range(2 * crop + 1)
    return [
        (top, left, mirrored)
        for top in size
        for left in size
        for mirrored in (False, True)
        if np.allclose(normalised(moved(image, top, left, mirrored, crop)), shown, atol=1e-5)
    ]


def test_every_image_is_one_window_of_the_oracle_and_every_window_occurs() -> None:
    x = images(n=300, h=4, w=3)
    views = Views(x, mean=MEAN, std=STD, crop=1, flip=True)
    shown = views.batch(0, torch.arange(300)).numpy()
    seen = set()
    for image, out in zip(x.numpy(), shown, strict=True):
        matches = found(image, out, crop=1)
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) == 3 * 3 * 2


def test_flip_without_crop_mirrors_about_half() -> None:
    x = images(n=400)
    out = Views(x, flip=True).batch(3, torch.arange(400))
    plain, mirror = x / 255, x.flip(-1) / 255
    is_plain = torch.isclose(out, plain).flatten(1).all(1)
    is_mirror = torch.isclose(out, mirror).flatten(1).all(1)
    assert bool((is_plain ^ is_mirror).all())
    assert 150 < int(is_mirror.sum()) < 250  # five standard deviations


def test_crop_without_flip_never_mirrors() -> None:
    x = images(n=60, h=4, w=3)
    shown = Views(x, mean=MEAN, std=STD, crop=1).batch(0, torch.arange(60)).numpy()
    assert all(not found(i, o, crop=1)[0][2] for i, o in zip(x.numpy(), shown, strict=True))


def test_offsets_are_uniform() -> None:
    # A bright pixel tells the offset; chi-squared with 24 degrees of freedom is above 51.2 once in 1,000.
    x = torch.zeros(5000, 1, 5, 5, dtype=torch.uint8)
    x[:, :, 2, 2] = 255
    out = Views(x, crop=2).batch(0, torch.arange(5000))
    assert torch.equal(out.sum((1, 2, 3)), torch.ones(5000))
    counts = out.sum((0, 1)).numpy()
    assert ((counts - 200) ** 2 / 200).sum() < 51.2


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(12)), cut=st.integers(0, 12), view=st.integers(0, 10**6))
def test_pixels_do_not_depend_on_the_batch(order: list[int], cut: int, view: int) -> None:
    views = Views(images(), mean=MEAN, std=STD, crop=2, flip=True, seed=7)
    whole = views.batch(view, torch.arange(12))
    at = torch.tensor(order)
    views.batch(view + 1, at)  # another view in between
    parts = torch.cat([views.batch(view, at[:cut]), views.batch(view, at[cut:])])
    assert torch.equal(parts, whole[at])


def test_same_seed_same_views_in_every_instance_whatever_the_global_generator() -> None:
    at = torch.arange(12)
    torch.manual_seed(1)
    first = Views(images(), crop=2, flip=True, seed=5)
    expected = [first.batch(view, at) for view in (0, 1, 2)]
    torch.manual_seed(2)
    second = pickle.loads(pickle.dumps(Views(images(), crop=2, flip=True, seed=5)))
    state = torch.get_rng_state()
    for view in (2, 0, 1):
        assert torch.equal(second.batch(view, at), expected[view])
    assert torch.equal(torch.get_rng_state(), state)


def test_views_and_seeds_differ() -> None:
    at = torch.arange(12)
    shown = [
        Views(images(), crop=2, flip=True, seed=seed).batch(view, at)
        for seed in range(4)
        for view in range(4)
    ]
    assert all(not torch.equal(a, b) for i, a in enumerate(shown) for b in shown[:i])


def test_recorded_draw() -> None:
    # Cached teacher logits outlive a process: a change of these numbers makes every cache wrong.
    x = torch.zeros(8, 1, 3, 3, dtype=torch.uint8)
    x[:, :, 1, 1] = 255
    places = Views(x, crop=1, seed=1).batch(2, torch.arange(8)).flatten(1).argmax(1)
    assert places.tolist() == [7, 6, 0, 8, 2, 6, 2, 4]


@pytest.mark.parametrize("options", [{}, {"crop": 2}, {"flip": True}, {"crop": 1, "flip": True}])
@pytest.mark.parametrize("at", [torch.tensor([4, 0, 4, 11]), slice(3, 9), slice(None)])
def test_plain_is_not_augmented(options: dict[str, int], at: Tensor | slice) -> None:
    x = images()
    out = Views(x, mean=MEAN, std=STD, **options).plain(at)  # type: ignore[arg-type]
    assert out.dtype == torch.float32
    assert out.is_contiguous()
    np.testing.assert_allclose(out.numpy(), normalised(x.numpy())[at], atol=1e-5)


def test_batches_without_augmentation_are_plain() -> None:
    views = Views(images(), mean=MEAN, std=STD)
    at = torch.tensor([3, 1])
    assert not views.varies
    assert torch.equal(views.batch(0, at), views.plain(at))
    assert torch.equal(views.batch(0, at), views.batch(1, at))


@pytest.mark.parametrize(("crop", "flip"), [(1, False), (0, True), (1, True)])
def test_varies(crop: int, flip: bool) -> None:
    views = Views(images(), crop=crop, flip=flip)
    out = views.batch(0, torch.arange(12))
    assert views.varies
    assert len(views) == 12
    assert (out.dtype, out.shape) == (torch.float32, (12, 3, 6, 5))
    assert out.is_contiguous()


def test_one_mean_and_std_stand_for_all_channels() -> None:
    x = images()
    out = Views(x, mean=0.5, std=0.25).plain(slice(None))
    np.testing.assert_allclose(out, normalised(x.numpy(), [0.5] * 3, [0.25] * 3), atol=1e-5)


def test_tables_pass_through_unchanged() -> None:
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    views = Views(x)
    at = torch.tensor([6, 0, 0])
    assert not views.varies
    assert torch.equal(views.plain(at), x[at])
    assert torch.equal(views.batch(5, at), x[at])


def test_tables_with_a_mean_and_std_per_column() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    out = Views(x, mean=[1.0, 4.0], std=torch.tensor([1.0, 2.0])).plain(slice(None))
    assert out.tolist() == [[0.0, -1.0], [2.0, 1.0]]


@pytest.mark.parametrize("options", [{}, {"crop": 1, "flip": True}, {"mean": 0.4, "std": 0.1}])
def test_inputs_are_never_written_to(options: dict[str, float]) -> None:
    x = images()
    before = x.clone()
    views = Views(x, **options)  # type: ignore[arg-type]
    for out in (views.plain(slice(None)), views.batch(0, torch.arange(12))):
        out.fill_(7)
    assert torch.equal(x, before)


def test_float_inputs_are_never_written_to() -> None:
    x = torch.ones(3, 2)
    Views(x, mean=1.0, std=2.0).plain(slice(None)).fill_(9)
    assert torch.equal(x, torch.ones(3, 2))


def test_to_returns_itself_and_keeps_the_pixels() -> None:
    views = Views(images(), crop=2, flip=True)
    at = torch.arange(12)
    expected = views.batch(1, at)
    assert views.to("cpu") is views
    assert torch.equal(views.batch(1, at), expected)
    assert views.to("meta").batch(1, at).device.type == "meta"


def test_an_index_out_of_range_is_an_error() -> None:
    with pytest.raises(IndexError):
        Views(images(), crop=1).batch(0, torch.tensor([12]))


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (torch.zeros(2, 3), {"crop": 1}, "a table cannot be cropped"),
        (torch.zeros(2, 3), {"flip": True}, "a table cannot be cropped"),
        (torch.zeros(2, 3, 4, 4), {}, r"not float32 \[2, 3, 4, 4\]"),
        (torch.zeros(2, 3, dtype=torch.uint8), {}, r"not uint8 \[2, 3\]"),
        (images(), {"crop": -1}, "crop must be from 0 to 4"),
        (images(), {"crop": 5}, "crop must be from 0 to 4"),
        (images(), {"mean": [0.1, 0.2]}, "mean must be one number or 3"),
        (images(), {"std": [0.1, 0.0, 0.2]}, "std must be above zero"),
        (images(), {"std": float("nan")}, "std must be finite"),
    ],
)
def test_refuses(inputs: Tensor, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Views(inputs, **options)  # type: ignore[arg-type]


def test_token_ids_come_out_as_they_are() -> None:
    tokens = torch.tensor([[1, 4, 0], [1, 7, 9], [1, 2, 0]])
    views = Views(tokens)
    assert not views.varies
    for batch in (views.plain(torch.tensor([2, 0])), views.batch(5, torch.tensor([2, 0]))):
        assert batch.dtype == torch.int64
        assert batch.tolist() == [[1, 2, 0], [1, 4, 0]]
    with pytest.raises(InputError, match="text cannot be cropped"):
        Views(tokens, crop=1)
    with pytest.raises(InputError, match="token ids have no mean"):
        Views(tokens, mean=0.5)
