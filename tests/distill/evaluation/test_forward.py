import psutil
import pytest
import torch
from torch import nn

from kdtune.data.images.views import Views
from kdtune.distill.evaluation.forward import evaluation_batch, predict_classes, predict_logits
from kdtune.models import build


@pytest.mark.parametrize(("side", "examples"), [(8, 500), (32, 85), (64, 64), (224, 16)])
def test_large_images_are_evaluated_fewer_at_once(side: int, examples: int) -> None:
    views = Views(torch.zeros(1, 3, side, side, dtype=torch.uint8))
    assert evaluation_batch(views) == examples


def test_a_table_without_columns_can_be_evaluated() -> None:
    assert evaluation_batch(Views(torch.zeros(3, 0))) == 500


def test_every_example_is_evaluated_once_and_in_order() -> None:
    images = torch.randint(0, 256, (40, 3, 224, 224), dtype=torch.uint8)
    views = Views(images)
    model = build("linear", input_shape=(3, 224, 224), n_classes=3).eval()
    logits = predict_logits(model, views)
    with torch.inference_mode():
        one_by_one = torch.cat([model(views.plain(slice(k, k + 1))) for k in range(len(images))])
    torch.testing.assert_close(logits, one_by_one)


def test_evaluation_takes_no_memory_that_grows_with_the_inputs(one_thread: None) -> None:
    inputs = torch.zeros(4_000, 3, 64, 64, dtype=torch.uint8)
    views, model = Views(inputs), nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2)).eval()
    before = psutil.Process().memory_info().rss
    predict_classes(model, views)
    predict_logits(model, views)
    assert psutil.Process().memory_info().rss - before < inputs.nbytes / 2
