"""A model of the user's own that gives no logits is refused before anything is trained, with its name."""

import random
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kdtune import models
from kdtune.errors import InputError
from kdtune.models._registry import models as registered

SHAPE, CLASSES = (6,), 3
Forward = Callable[[nn.Module, Tensor], Any]


@pytest.fixture
def register() -> Iterator[Callable[[Any], str]]:
    """Return a function that registers a builder as `own` until the test ends."""

    def under_name(builder: Any) -> str:
        models.register_model("own")(builder)
        return "own"

    yield under_name
    registered._items.pop("own", None)


class Answers(nn.Module):
    """A linear layer, and what a function makes of it."""

    def __init__(self, answer: Forward) -> None:
        super().__init__()
        self.linear = nn.Linear(*SHAPE, CLASSES)
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer(self, self.linear(x))


def leaves(_model: nn.Module, _logits: Tensor) -> Any:
    sys.exit(3)


def counts(model: nn.Module, logits: Tensor) -> Tensor:
    model.seen = getattr(model, "seen", 0) + 1
    return logits / (1 + model.seen / 100)


def keeps(model: nn.Module, logits: Tensor) -> Tensor:
    if not model.training:
        model.kept = torch.ones_like(logits)
    return logits * getattr(model, "kept", 1.0)


def raises(_model: nn.Module, _logits: Tensor) -> Any:
    raise ValueError("not today\nand more")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _m, y: (y, y), "'own' returns a tuple of 2 in training"),
        (lambda _m, y: {"logits": y}, "'own' returns a dict of 1 in training"),
        (
            lambda _m, y: torch.cat([y, y], 1),
            "returns float32 [4, 6] in training for 4 examples of shape [6]",
        ),
        (lambda _m, y: y.mean(0), "returns float32 [3] in training"),
        (lambda m, y: y if m.training else y.argmax(1), "returns int64 [4] in evaluation"),
        (lambda m, y: y if m.training else y[:, :1], "returns float32 [4, 1] in evaluation"),
        (lambda _m, y: y.softmax(1), "returns probabilities in training, not logits"),
        (lambda m, y: y if m.training else y.softmax(1), "returns probabilities in evaluation, not logits"),
        (lambda _m, y: y.half().softmax(1), "returns probabilities in training, not logits"),
        (lambda _m, _y: None, "returns nothing in training"),
        (lambda _m, y: y.sigmoid(), "returns numbers between 0 and 1 whatever its weights are"),
        (lambda _m, y: y + torch.randn_like(y), "answers the same examples differently each time"),
        (counts, "answers the same examples differently each time"),
        (lambda _m, y: y - y.mean(0), "answers an example differently in evaluation if other examples"),
        (keeps, "'own' fails on 4 examples of shape [6]: RuntimeError: Inference tensors cannot be saved"),
        (leaves, "'own' fails on 4 examples of shape [6]: SystemExit: 3 (test_own.py, line "),
        (raises, "ValueError: not today and more (test_own.py, line "),
    ],
)
def test_what_is_no_logits_is_refused(register: Callable[[Any], str], answer: Forward, said: str) -> None:
    name = register(lambda _shape, _n: Answers(answer))
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        models.check(name, input_shape=SHAPE, n_classes=CLASSES)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: nn.Linear(*SHAPE, CLASSES).requires_grad_(False), "all of its parameters are frozen"),
        (lambda: Answers(lambda _m, y: y.detach()), "its logits have no gradient"),
    ],
)
def test_what_has_nothing_to_train_is_refused_only_where_it_is_trained(
    register: Callable[[Any], str], build: Callable[[], nn.Module], said: str
) -> None:
    name = register(lambda _shape, _n: build())
    models.check(name, input_shape=SHAPE, n_classes=CLASSES, trained=False)
    with pytest.raises(InputError, match=re.escape(f"model 'own' has nothing that can be trained: {said}")):
        models.check(name, input_shape=SHAPE, n_classes=CLASSES)


@pytest.mark.parametrize("trained", [True, False])
def test_a_model_without_parameters_is_refused(register: Callable[[Any], str], trained: bool) -> None:
    name = register(lambda _shape, _n: nn.AdaptiveAvgPool1d(CLASSES))
    with pytest.raises(
        InputError, match="nothing that can be trained: it has no parameters: let some weights"
    ):
        models.check(name, input_shape=SHAPE, n_classes=CLASSES, trained=trained)


class Masked(Answers):
    def __init__(self) -> None:
        super().__init__(lambda model, y: y * model.mask)
        self.mask = torch.rand(CLASSES)


class Listed(Answers):
    def __init__(self) -> None:
        super().__init__(lambda model, y: model.layers[0](y))
        self.layers = [nn.Linear(CLASSES, CLASSES)]


class MadeInForward(Answers):
    def __init__(self) -> None:
        super().__init__(lambda model, y: model.last(y))

    def forward(self, x: Tensor) -> Any:
        if not hasattr(self, "last"):
            self.last = nn.Linear(CLASSES, CLASSES)
        return super().forward(x)


class Returnless(nn.Linear):
    def __init__(self) -> None:
        super().__init__(*SHAPE, CLASSES)

    def train(self, mode: bool = True) -> None:  # type: ignore[override]
        super().train(mode)


ONE = nn.Linear(*SHAPE, CLASSES)
WORDS = torch.randn(CLASSES, *SHAPE)


def of_words(*, learn: bool) -> nn.Module:
    model = nn.Linear(*SHAPE, CLASSES)
    model.weight = nn.Parameter(WORDS, requires_grad=learn)
    return model


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (Masked, "answers differently when it is built again with the weights that it saves"),
        (Listed, "answers differently when it is built again with the weights that it saves"),
        (MadeInForward, "do not fit when it is built again: make all of its layers in its builder"),
        (lambda: ONE, "two that are built share weights"),
        (lambda: of_words(learn=True), "two that are built share weights"),
        (lambda: nn.LazyLinear(CLASSES), "some of its layers are lazy"),
        (Returnless, "its train(mode) does not return the model: end it with `return self`"),
    ],
)
@pytest.mark.parametrize("trained", [True, False])
def test_a_model_that_its_saved_weights_do_not_make_is_refused(
    register: Callable[[Any], str], build: Callable[[], nn.Module], said: str, trained: bool
) -> None:
    name = register(lambda _shape, _n: build())
    with pytest.raises(InputError, match=re.escape(said)):
        models.check(name, input_shape=SHAPE, n_classes=CLASSES, trained=trained)


def test_frozen_weights_may_be_shared_and_stay_as_they_are(register: Callable[[Any], str]) -> None:
    before = WORDS.clone()
    models.check(register(lambda _shape, _n: of_words(learn=False)), input_shape=SHAPE, n_classes=CLASSES)
    assert WORDS.equal(before)


def test_a_model_that_is_frozen_in_part_is_accepted(register: Callable[[Any], str]) -> None:
    def build(_shape: Any, _n: int) -> nn.Module:
        return nn.Sequential(nn.Linear(*SHAPE, 8).requires_grad_(False), nn.Linear(8, CLASSES))

    models.check(register(build), input_shape=SHAPE, n_classes=CLASSES)


def test_a_builder_that_returns_a_class_is_refused(register: Callable[[Any], str]) -> None:
    name = register(lambda _shape, _n: Answers)
    with pytest.raises(InputError, match="its builder returns a type, not"):
        models.check(name, input_shape=SHAPE, n_classes=CLASSES)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _m, y: y,
        lambda _m, y: y.half(),
        lambda _m, y: y * float("nan"),
        lambda _m, y: y.log_softmax(1),
        lambda _m, y: y.tanh(),
        lambda _m, y: y.relu(),
        lambda m, y: nn.functional.dropout(y, 0.5, m.training),
    ],
)
def test_logits_are_accepted_and_leave_the_generator_as_it_was(
    register: Callable[[Any], str], answer: Forward, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(_shape: Any, _n: int) -> nn.Module:
        print("built")
        return Answers(answer)

    name = register(build)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    models.check(name, input_shape=SHAPE, n_classes=CLASSES)
    assert torch.rand(3).equal(expected)
    assert capsys.readouterr() == ("", "built\nbuilt\n")


def test_kdtune_own_models_are_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kdtune.models._build.try_own", lambda *_: pytest.fail("was tried"))
    models.check("lenet5", input_shape=(1, 32, 32), n_classes=10)
    models.check("mlp-4", input_shape=(3,), n_classes=2)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("image", "model 'own': inputs is 'image'; did you mean 'images'? (known: any, images, text)"),
        (None, "model 'own': inputs is None (known: any, images, text)"),
    ],
)
def test_unknown_inputs_are_refused(inputs: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        models.register_model("own", inputs=inputs)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(InputError, match="model 'own': a function is expected, not None"):
        models.register_model("own")(None)  # type: ignore[arg-type]
    assert "own" not in registered


def test_what_a_model_computes_is_told_from_what_it_computed_before() -> None:
    def behaviour(answer: Forward) -> str:
        models.register_model("own")(lambda shape, n_classes: Answers(answer))
        try:
            return models.behaviour("own", input_shape=SHAPE, n_classes=CLASSES)
        finally:
            registered._items.pop("own")

    before, threads = torch.get_rng_state(), torch.get_num_threads()
    assert behaviour(lambda _m, y: y.relu()) == behaviour(lambda _m, y: y.relu())
    others: list[Forward] = [
        lambda _m, y: y,
        lambda _m, y: y.relu(),
        lambda _m, y: y.detach(),
        raises,
        raises,
    ]
    assert len({behaviour(answer) for answer in others}) == len(others)
    assert models.behaviour("mlp-8", input_shape=SHAPE, n_classes=CLASSES) == ""
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_a_model_that_draws_its_weights_with_numpy_or_python_is_the_same_in_each_start(
    register: Callable[[Any], str],
) -> None:
    def draws(shape: Any, n_classes: int) -> nn.Module:
        model = Answers(lambda _m, y: y)
        nn.init.constant_(model.linear.weight, np.random.normal())
        nn.init.constant_(model.linear.bias, random.random())
        return model

    name = register(draws)
    before, python = np.random.get_state()[1].tolist(), random.getstate()
    first = models.behaviour(name, input_shape=SHAPE, n_classes=CLASSES)
    models.check(name, input_shape=SHAPE, n_classes=CLASSES)
    assert np.random.get_state()[1].tolist() == before, "the program's numbers go on as if nothing were drawn"
    assert random.getstate() == python
    np.random.normal(), random.random()
    assert models.behaviour(name, input_shape=SHAPE, n_classes=CLASSES) == first
