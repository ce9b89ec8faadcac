import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import kdtune
from kdtune.report.export.bundle.card import card


def test_the_card_has_front_matter_and_sizes(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    member = findings.members[0]
    text = (out / member.id / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["pipeline_tag"] == "image-classification"
    metrics = {m["type"]: m["value"] for m in metadata["model-index"][0]["results"][0]["metrics"]}
    assert metrics["accuracy"] == member.value("accuracy")
    assert "test (n = 300)" in body
    assert "| red | 150 |" in body
    assert "What was not measured" in body
    assert "eod" in [objective.name for objective in findings.objectives]
    assert re.search(r"\| dpd \| [\d.]+ \| [\d.]+ \| [\d.]+ to [\d.]+ \|", body), "a gap that is no objective"


def test_the_card_counts_the_students_that_the_report_counts(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    member = findings.members[0]
    config = kdtune.load_student(out / member.id).config
    trials = findings.trials.copy()
    trials.iloc[1:, trials.columns.get_loc("state")] = "failed"
    text = card(member, config, replace(findings, trials=trials))
    assert re.search(r"It was chosen on validation, by .+, among 1 student\.", text)


def test_the_card_lists_the_settings_that_had_an_effect(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    member = findings.members[0]
    config = kdtune.load_student(out / member.id).config
    text = card(member, config, findings)
    assert "optimizer adamw" in text
    assert not re.search("momentum|gamma|milestones|group_weights_strength", text)
    other = {"optimizer": "sgd", "schedule": "step", "milestones": [0.5, 0.75], "group_weights": "balanced"}
    text = card(member, {**config, "training": {**config["training"], **other}}, findings)
    assert "momentum 0.9" in text
    assert "gamma 0.1" in text
    assert "milestones [0.5, 0.75]" in text
    assert "group_weights_strength 1" in text


@pytest.mark.parametrize(
    ("preprocessing", "input_shape", "task", "given"),
    [
        ({"kind": "image"}, [3, 32, 32], "image-classification", "images (PIL or paths)"),
        ({"kind": "table"}, [12], "tabular-classification", "a DataFrame with the raw columns"),
        ({"kind": "text"}, [8, 200], "text-classification", "a list of texts, or token ids"),
        ({}, [12], "tabular-classification", "a DataFrame"),
        ({}, [1, 8, 8], "image-classification", "images"),
    ],
)
def test_the_task_is_that_of_the_input(
    exported: tuple[Path, Any], preprocessing: dict[str, str], input_shape: list[int], task: str, given: str
) -> None:
    out, findings = exported
    member = findings.members[0]
    config = kdtune.load_student(out / member.id).config
    text = card(member, {**config, "preprocessing": preprocessing, "input_shape": input_shape}, findings)
    metadata = yaml.safe_load(text.split("---\n", 2)[1])
    assert metadata["pipeline_tag"] == task
    assert metadata["model-index"][0]["results"][0]["task"] == {"type": task}
    assert f"student.predict(x)   # {given}" in text


def test_the_hub_reads_the_card(exported: tuple[Path, Any]) -> None:
    hub = pytest.importorskip("huggingface_hub")
    out, findings = exported
    member = findings.members[0]
    data = hub.ModelCard.load(out / member.id / "README.md").data
    assert data.library_name == "kdtune"
    results = {result.metric_type: result.metric_value for result in data.eval_results}
    assert results["accuracy"] == member.value("accuracy")
    assert {result.dataset_split for result in data.eval_results} == {"test"}
