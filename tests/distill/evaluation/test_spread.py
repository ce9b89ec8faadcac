"""Logits computed by several threads are those of one, to the bit; what may not be shared is computed by one."""

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kdtune.data.images.views import Views
from kdtune.distill.evaluation.forward import evaluation_batch, predict_logits
from kdtune.distill.evaluation.spread import spread_logits
from kdtune.distill.teachers.signal import FrozenTeacher
from kdtune.models import build


def views_of(n: int, size: int = 32, **options: Any) -> Views:
    images = torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator())
    return Views(images, mean=(0.4,) * 3, std=(0.2,) * 3, **options)


class Watched(nn.Module):
    """Records which threads have run it."""

    def __init__(self, seen: set[int], size: int = 32) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * size * size, 5)
        self.seen = seen

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.add(threading.get_ident())
        result: Tensor = self.linear(inputs.flatten(1))
        return result


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the modules of this file among those that may be shared."""
    monkeypatch.setattr("kdtune.distill.evaluation.spread._KNOWN", {"torch", __name__.partition(".")[0]})


# A processor without instructions for bfloat16 takes a minute for as many images of a ResNet.
@pytest.mark.parametrize(("architecture", "precision"), [("resnet8", "float32"), ("lenet5", "bfloat16")])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_logits_are_equal_to_the_bit(threads: int, architecture: str, precision: str) -> None:
    views = views_of(400, crop=4, flip=True)
    assert 400 % evaluation_batch(views)  # the last batch is a smaller one
    teacher = FrozenTeacher(build(architecture, input_shape=(3, 32, 32), n_classes=4))
    for view in (None, 0, 3):
        found = spread_logits(teacher, views, threads=threads, view=view, precision=precision)
        assert torch.equal(found, predict_logits(teacher, views, view=view, precision=precision))


def test_fewer_batches_than_threads() -> None:
    views = views_of(3)
    teacher = FrozenTeacher(build("lenet5", input_shape=(3, 32, 32), n_classes=4))
    assert torch.equal(spread_logits(teacher, views, threads=8), predict_logits(teacher, views))


def test_several_threads_share_the_tensors_of_one_model(known: None) -> None:
    model = Watched(set())
    ran: list[tuple[int, int, int]] = []
    model.linear.register_forward_hook(
        lambda module, *_: ran.append((threading.get_ident(), id(module), module.weight.data_ptr()))
    )
    spread_logits(model, views_of(400), threads=4)
    assert len(ran) == -(-400 // evaluation_batch(views_of(1)))
    assert {tensor for _, _, tensor in ran} == {model.linear.weight.data_ptr()}
    # No module is run by two threads. (A thread that has ended may leave its number to the next.)
    assert len({module for _, module, _ in ran}) > 1
    assert len({(thread, module) for thread, module, _ in ran}) == len({module for _, module, _ in ran})


def test_a_module_that_is_not_known_is_run_by_one_thread() -> None:
    seen: set[int] = set()
    spread_logits(nn.Sequential(Watched(seen)), views_of(400), threads=4)
    assert seen == {threading.get_ident()}


def test_large_examples_are_computed_by_one_thread(known: None) -> None:
    seen: set[int] = set()
    spread_logits(Watched(seen, 128), views_of(200, 128), threads=4)
    assert seen == {threading.get_ident()}


def test_an_error_in_a_thread_is_raised() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        spread_logits(nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), views_of(400), threads=2)
