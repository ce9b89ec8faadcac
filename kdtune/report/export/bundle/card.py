"""The model card of a student, in the format that the Hugging Face hub reads."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from kdtune.fairness import GAPS
from kdtune.report.export.labels import interval_of, measure_name
from kdtune.report.export.page.report import NOT_MEASURED
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.measures.objectives import objective_of
from kdtune.student.raw_input import input_kind
from kdtune.text import counted, listed, measured, number, plain, setting


def card(member: ModelFindings, config: Mapping[str, Any], findings: Findings) -> str:
    """Return `README.md`: what was measured, on which groups and how many examples, and what was not measured."""
    kind = input_kind(config["preprocessing"], config["input_shape"])
    parts = [
        f"---\n{yaml.safe_dump(_metadata(member, config, _TASKS[kind]), sort_keys=False, allow_unicode=True)}---",
        f"# {markdown(config['run'])} {member.id}",
        _what(member, config, findings),
        "## Use",
        _use(_INPUTS[kind]),
        "## What was measured",
        _measured(member, findings),
        *_by_group(member, config["classes"]),
        "## By class, on test",
        _by_class(member),
        "## What was not measured",
        "\n".join(f"- {line}" for line in NOT_MEASURED),
        "## Training",
        _training(config),
    ]
    return "\n\n".join(parts) + "\n"


_TASKS = {
    "image": "image-classification",
    "table": "tabular-classification",
    "text": "text-classification",
}
"""The hub's names of tasks, by what a student reads."""

_INPUTS = {
    "image": "images (PIL or paths), or uint8 pixels",
    "table": "a DataFrame with the raw columns",
    "text": "a list of texts, or token ids",
}


def _metadata(member: ModelFindings, config: Mapping[str, Any], task: str) -> dict[str, Any]:
    results = {name: v for name, v in member.splits["test"]["values"].items() if not math.isnan(v)}
    return {
        "library_name": "kdtune",
        "pipeline_tag": task,
        "tags": ["knowledge-distillation", "pareto-front", str(config["architecture"])],
        "model-index": [
            {
                "name": f"{config['run']} {member.id}",
                "results": [
                    {
                        "task": {"type": task},
                        "dataset": {
                            "name": config["data"]["name"],
                            "type": config["data"]["name"],
                            "split": "test",
                        },
                        "metrics": [
                            {"type": name, "name": name, "value": value} for name, value in results.items()
                        ],
                    }
                ],
            }
        ],
    }


def _what(member: ModelFindings, config: Mapping[str, Any], findings: Findings) -> str:
    soft = config["distillation"]
    taught = "trained without a teacher" if soft is None else f"distilled from a {markdown(soft['teacher'])}"
    front = markdown(listed(measure_name(o) for o in findings.objectives))
    useless = findings.recommendation.unusable.get(member.id, "")
    seeds = f", each with up to {findings.seeds + 1} seeds" if findings.seeds else ""
    chosen = (
        "The distilled students of the run are compared with it; it was not chosen among several"
        if soft is None
        else f"It was chosen on validation, by {front}, among {counted(findings.done, 'student')}{seeds}"
    )
    return (
        f"A {markdown(config['architecture'])} with {config['parameters']:,} weights, {taught} on "
        f"{markdown(config['data']['name'])} ({len(config['classes'])} classes: {_listed(config['classes'])}). "
        f"{chosen}." + (f" **It {useless}: do not use it.**" if useless else "")
    )


def _use(given: str) -> str:
    return (
        '```python\nimport kdtune\n\nstudent = kdtune.load_student("path/of/this/folder")\n'
        f"student.predict(x)   # {given} -> names of classes\n"
        "student.logits(x)    # float32 [n, classes]\n"
        "student.module       # torch.nn.Module, for prepared input\n```"
    )


def _measured(member: ModelFindings, findings: Findings) -> str:
    objectives = [o.name for o in findings.objectives]
    rows = []
    for name in member.splits["test"]["values"]:
        between = interval_of(member, objective_of(findings.record, name))
        interval = "" if between is None else f"{number(between[0])} to {number(between[1])}"
        mark = " (objective)" if name in objectives else ""
        values = (measured(name, member.value(name, split)) for split in ("validation", "test"))
        rows.append([name + mark, *values, interval])
    n = findings.n
    chosen = "The student was chosen by its values on validation; t" if member.role == "student" else "T"
    text = _table(
        ["measure", f"validation (n = {n['validation']:,})", f"test (n = {n['test']:,})", "95 % on test"],
        rows,
    )
    return (
        f"{text}\n\n{chosen}he test split was opened once, afterwards. "
        "All values are those of one trained model with one seed."
        + (" `metrics.json` has the values of other seeds under `replicates`." if member.replicates else "")
    )


def _by_group(member: ModelFindings, classes: Sequence[str]) -> list[str]:
    parts = []
    for attribute, numbers in member.splits["test"]["attributes"].items():
        rows = [
            [g["group"], f"{g['n']:,}", number(g["accuracy"]["value"]), _between(g["accuracy"]["interval"])]
            for g in numbers["groups"]
        ]
        lines = [f"## By {markdown(attribute)}, on test", _table([attribute, "n", "accuracy", "95 %"], rows)]
        for gap in GAPS:
            values = numbers[gap]
            if math.isnan(values["value"]):
                lines.append(f"- {gap.upper()} is undefined on test.")
                continue
            base = ""
            if gap == "dpd":
                base = f"; the labels themselves differ by {number(values['base_rate_gap'])}"
            lines.append(
                f"- {gap.upper()} {number(values['value'])} (95 %: {_between(values['interval'])}); a model with equal "
                f"rates in all groups shows {number(values['chance']['mean'])} on average, up to "
                f"{number(values['chance']['exceeded_once_in_20'])} in 95 of 100 data sets of these sizes{base}."
            )
        ratios = [
            v
            for v in numbers["ratios"]["selection_rate"][-1 if len(classes) == 2 else 0 :]
            if not math.isnan(v)
        ]
        if ratios:
            lines.append(
                f"- Lowest ratio of selection rates between groups: {number(min(ratios))} (audits look for four "
                "fifths)."
            )
        if numbers["n_missing"]:
            lines.append(f"- Left out: {counted(numbers['n_missing'], 'example')} of unknown group.")
        if numbers["undefined"]:
            lines.append(
                f"- Undefined and left out of the gaps: {markdown('; '.join(numbers['undefined']))}."
            )
        parts += lines
    if not parts:
        parts = ["## Groups", "The data have no groups, so no differences between groups were measured."]
    return parts


def _by_class(member: ModelFindings) -> str:
    rows = [
        [c["class"], f"{c['n']:,}", f"{c['predicted']:,}", number(c["value"]), _between(c["interval"])]
        for c in member.splits["test"]["by_class"]
    ]
    return _table(["class", "n", "predicted", "share recognised", "95 %"], rows)


def _training(config: Mapping[str, Any]) -> str:
    soft, training = config["distillation"], config["training"]
    teacher = "" if soft is None else f", teacher's weights `{config['teacher']['sha256']}`"
    idle = _without_effect(training)
    settings = ", ".join(f"{name} {setting(value)}" for name, value in training.items() if name not in idle)
    return (
        f"{_loss(soft)} {settings}; seed {config['seed']}. Data fingerprint `{config['data']['fingerprint']}`"
        f"{teacher}; kdtune {config['kdtune']}."
    )


def _without_effect(training: Mapping[str, Any]) -> set[str]:
    """Return the names of settings that say nothing beside the others: the momentum of SGD, where another is used."""
    found = set()
    if training["optimizer"] != "sgd":
        found.add("momentum")
    if training["schedule"] != "step":
        found |= {"gamma", "milestones"}
    if training.get("group_weights", "none") == "none":
        found.add("group_weights_strength")
    return found


def _loss(soft: Mapping[str, Any] | None) -> str:
    """Say what a model was trained with, from what its configuration keeps of its distillation."""
    if soft is None:
        return "Loss: cross-entropy."
    at = f"T = {soft['temperature']:.3g} and α = {soft['alpha']:.3g}"
    if soft["loss"] == "kd":
        t2 = " T²" if soft["scale_by_t2"] else ""
        return f"Loss: α{t2} KL(teacher ‖ student at T) + (1 − α) cross-entropy, with {at}."
    own = "".join(f", {markdown(name)} {setting(value)}" for name, value in soft["settings"].items())
    return f"Loss: {markdown(soft['loss'])}, with {at}{own}."


def markdown(text: object) -> str:
    """Escape text so that Markdown shows every character as it is, without links, emphasis or HTML."""
    return _MARKDOWN.sub(r"\\\g<0>", plain(text)).replace("&", "&amp;").replace("<", "&lt;")


_MARKDOWN = re.compile(r"[\\`*_\[\]#|~!$]")


def _between(interval: Sequence[float]) -> str:
    low, high = interval
    return "undefined" if math.isnan(low) else f"{number(low)} to {number(high)}"


def _listed(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(map(markdown, names[:most])) + (
        f", and {len(names) - most} more" if len(names) > most else ""
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(markdown, cells)) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
