import inspect
import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch

from kdtune.data import Augmentation, Dataset, Split, check_options, datasets, load, names, register_dataset
from kdtune.errors import DataError, InputError, UnknownNameError
from tests.data.loaders import own_data_sets


@pytest.fixture
def toy():
    @register_dataset("toy-for-test")
    def load_toy(*, size: int, share: float = 0.5, tags: Sequence[str] = (), flip: bool = False):
        split = Split(torch.full((2 * size, 3), float(share)), torch.arange(2 * size) % 2)
        return Dataset("toy", ("a", "b"), {}, split, split, None, Augmentation(), {}, "0", lambda: split)

    yield "toy-for-test"
    del datasets._items["toy-for-test"]


def test_names_are_known() -> None:
    assert {"folder", "table", "trifeature"} <= set(names())
    with pytest.raises(UnknownNameError, match="did you mean 'trifeature'"):
        load("trifeatures")


def test_options_reach_the_loader(toy) -> None:
    made = load(toy, size=3, share=1)
    assert (len(made.train), made.train.inputs[0, 0].item()) == (6, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 3, "shar": 1.0}, "no option 'shar'; did you mean 'share'"),
        ({}, "needs the option 'size'"),
        ({"size": "3"}, "'size' = '3'"),
        ({"size": True}, "'size' = True"),
        ({"size": 3, "share": "half"}, "'share'"),
        ({"size": 3, "tags": "one"}, "'tags'"),
        ({"size": 3, "flip": 1}, "'flip'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_loaded(toy, options, message) -> None:
    with pytest.raises(DataError, match=message):
        check_options(toy, options)


TABLE = {"path": "x.csv", "label": "y"}


@pytest.mark.parametrize(
    ("name", "options", "option"),
    [
        ("folder", {"path": "x", "attributes": "people.csv"}, "attributes"),
        ("folder", {"path": "x", "decimal": ","}, "decimal"),
        ("folder", {"path": "x", "sensitive": [], "rare": "other"}, "rare"),
        ("table", {**TABLE, "use_sensitive": True}, "use_sensitive"),
        ("text", {**TABLE, "text": "t", "rare": "missing"}, "rare"),
        ("hatexplain", {"path": "x", "sensitive": None, "rare": "missing"}, "rare"),
        ("trifeature", {"sensitive": [], "correlation": 0.5}, "correlation"),
    ],
)
def test_an_option_of_groups_is_refused_where_there_are_none(name, options, option) -> None:
    with pytest.raises(
        DataError, match=f"{option!r} has no effect without sensitive attributes: name some, or"
    ):
        check_options(name, options)
    check_options(name, {**options, "sensitive": ["race"]})


def test_an_option_that_has_an_effect_or_is_as_ever_is_no_fault() -> None:
    check_options("table", {**TABLE, "decimal": ",", "rare": "error"})
    check_options("folder", {"path": "x", "attributes": None, "flip": False})
    check_options("hatexplain", {"path": "x", "rare": "missing"})


@pytest.mark.parametrize("name", sorted(own_data_sets() - {"saved"}))
def test_a_seed_below_zero_is_refused(name) -> None:
    needed = {
        key: "x"
        for key, p in inspect.signature(datasets.get(name)).parameters.items()
        if p.default is inspect.Parameter.empty
    }
    with pytest.raises(DataError, match="option 'seed' = -1"):
        check_options(name, {**needed, "seed": -1})


def test_data_that_do_not_fit_into_memory_are_refused() -> None:
    with pytest.raises(DataError, match=r"the pixels of .* images of 32x32 take .* GB of memory"):
        load("trifeature", n_train=10**12)


SIZES = {"n_train", "n_validation", "limit_per_class"}


# `trifeature` makes its own examples, and `saved` takes what was cut before.
@pytest.mark.parametrize("name", sorted(own_data_sets() - {"trifeature", "saved"}))
def test_sizes_have_one_name_in_all_loaders(name) -> None:
    assert set(inspect.signature(datasets.get(name)).parameters) >= SIZES


def test_a_name_is_given_once(toy) -> None:
    with pytest.raises(InputError, match="twice"):
        register_dataset("trifeature")(load)


def test_importing_needs_none_of_the_heavy_packages() -> None:
    heavy = ["ray", "optuna", "textual", "fairlearn", "sklearn", "pandas", "torchvision", "PIL"]
    code = f"import sys, kdtune.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
