"""What is said of a baseline that can't be trained: nothing can be searched without it."""

from typing import Any
from unittest.mock import Mock

import pytest

from kdtune.errors import SweepError
from kdtune.sweep.baselines import make_baselines, planned_baselines


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
