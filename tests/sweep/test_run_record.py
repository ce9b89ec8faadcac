"""The versions of the software and of the user's code: recorded when a run begins, compared when it is resumed."""

import math
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import kdtune
from kdtune.distill.losses.registry import losses
from kdtune.files import write_json
from kdtune.models import models
from kdtune.runs.measures.own import measures
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import RunRecord
from kdtune.sweep.plan import Plan
from kdtune.sweep.preparation import compare_versions
from kdtune.sweep.run_record import record_of, versions_now, with_versions_now


def test_a_run_records_the_software_that_numbers_depend_on(plan_of: Callable[..., Plan]) -> None:
    record = record_of(plan_of(), "r", "sweep")
    assert record.versions["python"] == platform.python_version()
    for name in ("torch", "ray", "kdtune", "optuna", "numpy"):
        assert record.versions[name] == version(name)
    assert with_versions_now(record, plan_of()) == (record, {})


def test_other_versions_are_said_once_and_added_to_the_record(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = plan_of()
    begun = record_of(plan, "r", "sweep")
    old = replace(begun, versions={**begun.versions, "torch": "2.0.1", "python": "3.10.1"})
    record, changes = with_versions_now(old, plan)
    now = versions_now(plan)
    assert list(changes.values()) == [
        f"torch 2.0.1, now {now['torch']}",
        f"python 3.10.1, now {now['python']}",
    ]
    assert record.versions["torch"] == f"2.0.1, then {now['torch']}"
    assert with_versions_now(record, plan) == (record, {})
    write_json(tmp_path / "run.json", record.to_dict())
    assert RunRecord.read(tmp_path / "run.json").versions == record.versions


def test_a_run_of_an_older_kdtune_without_versions_is_resumed(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of()
    record, changes = with_versions_now(replace(record_of(plan, "r", "sweep"), versions={}), plan)
    assert changes == {}
    assert record.versions == versions_now(plan)


Write = Callable[..., Plan]
"""Registers code of a person's own anew, and plans a sweep that uses it."""


@pytest.fixture
def written(plan_of: Callable[..., Plan]) -> Iterator[Write]:
    def write(*, hidden: int = 8, power: float = 2.0, share: float = 1.0) -> Plan:
        forget()

        @kdtune.register_model("own")
        def own(shape: tuple[int, ...], n_classes: int) -> nn.Module:
            return nn.Sequential(nn.Linear(math.prod(shape), hidden), nn.ReLU(), nn.Linear(hidden, n_classes))

        @kdtune.register_loss("apart")
        def apart(logits: Tensor, teacher_logits: Tensor) -> Tensor:
            return (logits - teacher_logits).abs().pow(power).mean(dim=1)

        @kdtune.register_loss("inside")
        def inside(hints: Tensor, teacher_features: Tensor) -> Tensor:
            return (hints - teacher_features).abs().pow(power).mean(dim=1)

        exec(
            "import kdtune\n@kdtune.register_measure('mine', direction='min')\n"
            f"def mine(labels, predictions): return {share} * (labels != predictions).mean()",
            {"__name__": "__main__"},
        )
        searched = {"loss": ["kd", "apart", "inside"]}
        return plan_of(pairs=["own->linear", "mlp-16->own"], search=searched, measures=["mine"])

    yield write
    forget()


def forget() -> None:
    for registry, names in ((models, ["own"]), (losses, ["apart", "inside"]), (measures, ["mine"])):
        for name in names:
            registry._items.pop(name, None)  # type: ignore[attr-defined]


def test_code_of_one_s_own_has_a_version(written: Write) -> None:
    record = record_of(written(), "r", "sweep")
    own = {name for name in record.versions if "'" in name}
    assert own == {"model 'own'", "loss 'apart'", "loss 'inside'", "measure 'mine'"}
    assert with_versions_now(record, written()) == (record, {})


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"hidden": 9}, ["model 'own'"]),
        ({"power": 1.5}, ["loss 'apart'", "loss 'inside'"]),
        ({"share": 0.5}, ["measure 'mine'"]),
    ],
)
def test_code_of_one_s_own_that_has_changed_is_said_when_a_run_is_resumed(
    change: dict[str, Any], changed: list[str], written: Write, tmp_path: Path
) -> None:
    begun, plan = record_of(written(), "r", "study"), written(**change)
    said: list[str] = []
    record = compare_versions(begun, plan, RunFiles(tmp_path), said.append)
    now = record_of(plan, "r", "study").versions
    told = ", ".join(f"{name} {begun.versions[name]}, now {now[name]}" for name in changed)
    assert said == [f"not the versions that the run had: {told}: its numbers may differ from those of now"]
    assert {name for name, version in record.versions.items() if ", then " in version} == set(changed)
