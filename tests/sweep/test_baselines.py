"""When a baseline is said to be trained, and what is said of one that can't be: nothing can be searched without it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

from kdtune.errors import SweepError
from kdtune.runs.paths import RunFiles
from kdtune.runs.writer import RunWriter
from kdtune.sweep.baselines import make_baselines, planned_baselines
from kdtune.sweep.recorded_models import RecordedModels
from kdtune.sweep.remote import tasks


@pytest.mark.parametrize(
    ("failed", "sections"), [("teacher-mlp-16", "teacher or train"), ("nds-linear", "train")]
)
def test_a_baseline_that_diverges_is_named_with_what_to_change(
    failed: str, sections: str, plan_of: Any
) -> None:
    models = Mock()
    models.make.return_value = {failed: "loss is nan in epoch 1"}
    why = f"^{failed} could not be trained, .*: loss is nan in epoch 1: change {sections} in the space, or leave"
    with pytest.raises(SweepError, match=why):
        make_baselines(models, planned_baselines(plan_of()))


def test_a_baseline_is_at_work_before_its_first_epoch_ends(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That epoch may take an hour, and the monitor would show nothing in training."""
    seen: dict[str, str] = {}
    writer = RunWriter(RunFiles(tmp_path))

    class Trainer:
        def train(self, jobs: Mapping[str, Any], *, on_place: Any, **_: Any) -> Iterator[tasks.Outcome]:
            for name in jobs:
                on_place(name, {})
                state = writer.state.model(name)
                assert state is not None
                seen[name] = state.state
                yield tasks.Outcome(name, (), None, "that is enough")

    plan = plan_of()
    planned = planned_baselines(plan)
    RecordedModels(plan, writer.files, writer, cast(Any, Trainer())).make(planned)
    assert seen == {model.id: "running" for model in planned}
    writer.close()

    monkeypatch.setattr(tasks, "prepare_process", lambda *_: None)
    monkeypatch.setattr(tasks, "place_here", dict)  # as on a machine without a GPU
    training = tasks.train_model._function(Mock(), Mock(), Mock(), 1, ())
    assert next(training) == ("place", {}), "before anything else, even data on the device"
