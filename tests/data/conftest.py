"""One short training, as the last word on whether a data set can be used."""

from collections.abc import Callable

import pytest
import torch

from kdtune.data import Dataset
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.teacher import signal_of
from kdtune.distill.training import Training


@pytest.fixture
def train_once() -> Callable[..., None]:
    """Return a function that trains a teacher and a student of it for an epoch, and opens the test split."""

    def train(dataset: Dataset, teacher: str, student: str) -> None:
        torch.set_num_threads(1)
        data = DeviceData(Arrays.of(dataset), torch.device("cpu"), view_seed=0, augment=True)
        protocol = TrainConfig(epochs=1, batch_size=8, lr=0.01)
        first = Training(Job(teacher, protocol, seed=0), data)
        model = first.run()
        soft = Distillation(teacher, temperature=4.0, alpha=0.8)
        second = Training(Job(student, protocol, 1, 0, soft), data, teacher=signal_of(model, data))
        second.run()
        for training in (first, second):
            counts = training.reports[-1].counts
            assert counts["all"].examples.sum() == len(dataset.validation)
            assert set(counts) == {"all", *dataset.attributes}
        test = dataset.open_test()
        assert test.inputs.shape[1:] == dataset.train.inputs.shape[1:]
        assert test.inputs.dtype == dataset.train.inputs.dtype
        assert set(test.groups) == set(dataset.attributes)

    return train
