"""The front as tables for other programs: `front.csv`, `front.json`, `front.parquet`, `seeds.csv`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdtune.fairness import GAPS
from kdtune.files import write_bytes
from kdtune.report.export.bundle.writing import write_pretty
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.text import cell

if TYPE_CHECKING:
    import pandas

SETTINGS = ("pair", "temperature", "alpha", "lr", "batch_size", "seed")


def write_tables(folder: Path, findings: Findings) -> None:
    """Write the front in three formats with the same numbers."""
    table = front_table(findings)
    write_bytes(folder / "front.csv", csv_of(table))
    write_pretty(folder / "front.json", findings_record(findings))
    table.to_parquet(folder / "front.parquet", index=False)
    write_bytes(folder / "comparisons.csv", csv_of(comparisons_table(findings)))
    write_bytes(folder / "by_class.csv", csv_of(class_table(findings)))
    if findings.record.attributes:
        write_bytes(folder / "group_changes.csv", csv_of(findings.comparisons.by_group))
    write_bytes(folder / "confusion.csv", csv_of(findings.confusion))
    if findings.seeds:
        write_bytes(folder / "seeds.csv", csv_of(seeds_table(findings)))


def csv_of(table: "pandas.DataFrame") -> bytes:
    """Return a table as CSV, with its text made safe for spreadsheets."""
    safe = table.map(lambda value: cell(value) if isinstance(value, str) else value)
    return safe.rename(columns=cell).to_csv(index=False).encode()


def front_table(findings: Findings) -> "pandas.DataFrame":
    """Return members and baselines, one per row.

    A measure has the columns `NAME_searched` (as the search recorded it, on validation), `NAME_validation` and
    `NAME_test` (of the exported float32 model); gaps also `NAME_test_low`, `NAME_test_high`, `NAME_test_chance`.
    """
    import pandas

    rows = []
    for k, model in enumerate(findings.models):
        member = k < len(findings.members)
        row: dict[str, Any] = {
            "id": model.id,
            "role": model.role,
            "architecture": model.architecture,
            **{name: model.config.get(name) for name in SETTINGS},
            "exported": model.exported,
            "optimistic_on_test": bool(findings.optimistic[k]) if member else None,
            "pessimistic_on_test": bool(findings.pessimistic[k]) if member else None,
        }
        for name in model.splits["test"]["values"]:
            row[f"{name}_searched"] = model.searched.get(name)
            row[f"{name}_validation"] = model.value(name, "validation")
            row[f"{name}_test"] = model.value(name)
        for attribute, numbers in model.splits["test"]["attributes"].items():
            for gap in GAPS:
                name = column_of(gap, attribute, list(findings.record.attributes))
                row[f"{name}_test_low"], row[f"{name}_test_high"] = numbers[gap]["interval"]
                row[f"{name}_test_chance"] = numbers[gap]["chance"]["mean"]
        row |= _replicated(model)
        rows.append(row)
    return pandas.DataFrame(rows)


def column_of(measure: str, attribute: str, attributes: Sequence[str]) -> str:
    """Return the name of a measure over an attribute: without the attribute for the first one."""
    return measure if attribute == attributes[0] else f"{measure}@{attribute}"


def _replicated(model: ModelFindings) -> dict[str, Any]:
    if model.replicates is None:
        return {}
    columns: dict[str, Any] = {"seeds": model.replicates["n"]}
    for split in ("validation", "test"):
        for name, values in model.replicates[split].items():
            columns[f"{name}_{split}_mean"] = values["mean"]
            columns[f"{name}_{split}_std"] = values["std"]
    if "bootstrap_share" in model.replicates:
        columns["bootstrap_share"] = model.replicates["bootstrap_share"]["test"]
    return columns


def seeds_table(findings: Findings) -> "pandas.DataFrame":
    """Return every model of every seed, one per row: what it repeats, the objectives, whether it is shown and written.

    A row's `source` is the run's model that was trained again; it is the model's own id for the seed of the run.
    """
    import pandas

    rows = []
    for model in sorted(
        (*findings.models, *findings.others), key=lambda m: (m.source or m.id, m.source, m.id)
    ):
        row: dict[str, Any] = {
            "id": model.id,
            "source": model.source or model.id,
            "role": model.role,
            "seed": model.config.get("seed"),
            "on_front": model in findings.members,
            "exported": model.exported,
        }
        for name in dict.fromkeys(["accuracy", *(o.name for o in findings.objectives)]):
            row[f"{name}_validation"] = model.value(name, "validation")
            row[f"{name}_test"] = model.value(name)
        rows.append(row)
    return pandas.DataFrame(rows)


def comparisons_table(findings: Findings) -> "pandas.DataFrame":
    """Return each comparison of a member with a baseline, or with the next member, on test, one per row."""
    import pandas

    verdicts = {True: "better", False: "worse", None: ""}
    rows = [
        {
            "id": versus.model,
            "against": versus.other,
            "role": versus.role,
            "objective": found.objective,
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "tested": found.tested,
            "beyond_noise": verdicts[found.better],
        }
        for versus in findings.comparisons.resolution.against
        for found in versus.differences
    ]
    return pandas.DataFrame(rows, columns=None if rows else ["id", "against", "role", "objective"])


def class_table(findings: Findings) -> "pandas.DataFrame":
    """Return the classes of every model on test, one per row, with the gains and losses of members.

    `recall` is the share of the class's examples that are recognised, `precision` the share of the examples given the
    class that belong to it. For `nds` and `teacher`: `ROLE_gained` and `ROLE_lost` examples, `ROLE_difference` of
    recall, `ROLE_p` (McNemar), `ROLE_p_holm` over all students and classes, and `ROLE_beyond_noise`.
    """
    import pandas

    changes = findings.comparisons.by_class
    rows = []
    for model in findings.models:
        for entry in model.splits["test"]["by_class"]:
            row: dict[str, Any] = {
                "id": model.id,
                "class": entry["class"],
                "n": entry["n"],
                "predicted": entry["predicted"],
                "recall": entry["value"],
                "recall_low": entry["interval"][0],
                "recall_high": entry["interval"][1],
                "precision": entry["precision"],
            }
            found = changes[(changes["id"] == model.id) & (changes["class"] == entry["class"])]
            for _, change in found.iterrows():
                for name in ("gained", "lost", "difference", "p", "p_holm", "beyond_noise"):
                    row[f"{change['role']}_{name}"] = change[name]
            rows.append(row)
    return pandas.DataFrame(rows)


def findings_record(findings: Findings) -> dict[str, Any]:
    """Return all findings as plain values; NaN stands for undefined."""
    record = findings.record
    return {
        "run": record.name,
        "created": record.created,
        "data": {
            "name": record.dataset["name"],
            "fingerprint": record.dataset["fingerprint"],
            "n": findings.n,
        },
        "classes": list(record.classes),
        "attributes": {name: list(groups) for name, groups in record.attributes.items()},
        "objectives": [o.name for o in findings.objectives],
        "directions": {o.name: o.measure.direction for o in findings.objectives},
        "constraints": [str(constraint) for constraint in record.constraints],
        "hypervolume": dict(findings.hypervolume),
        "optimism": dict(findings.optimism),
        "seeds": findings.seeds,
        "recommendation": asdict(findings.recommendation),
        "resolution": findings.comparisons.resolution.to_dict(),
        "notes": list(findings.notes),
        "members": [
            {
                **_model(model),
                "optimistic_on_test": bool(findings.optimistic[k]),
                "pessimistic_on_test": bool(findings.pessimistic[k]),
            }
            for k, model in enumerate(findings.members)
        ],
        "baselines": [_model(model) for model in findings.baselines],
        "points": [_model(model) for model in findings.points],
    }


def _model(model: ModelFindings) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": model.id,
        "role": model.role,
        "architecture": model.architecture,
        "config": dict(model.config),
        "exported": model.exported,
        "searched": dict(model.searched),
        **{name: _without_counts(split) for name, split in model.splits.items()},
    }
    if model.replicates is not None:
        record["replicates"] = dict(model.replicates)
    return record


def _without_counts(split: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in split.items() if key != "counts"}
