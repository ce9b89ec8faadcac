"""Fronts of real sweeps, as far as figures and sentences need them: kept as JSON, and read back as findings.

To keep another one: `python tests/report/export/real_fronts.py RUN OUT.json`.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas

from kdtune.pareto import Constraint
from kdtune.report.export.results.comparisons import Comparisons
from kdtune.report.export.results.findings import Findings, conclude
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.comparison.resolution import Difference, Resolution, Versus
from kdtune.runs.measures.objectives import objective_of
from kdtune.runs.records import RunRecord

FOLDER = Path(__file__).parent / "fronts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
_CONFIG = ("pair", "teacher", "student", "architecture", "temperature", "alpha", "seed")
_TRIALS = ("state", "front", "pair", "temperature", "alpha")


def read_front(name: str) -> Findings:
    """Return the findings of a front that is kept here."""
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    record = RunRecord(
        **{
            **kept["record"],
            "constraints": tuple(Constraint(**c) for c in kept["record"]["constraints"]),
            "attributes": {a: tuple(names) for a, names in kept["record"]["attributes"].items()},
            **{key: tuple(kept["record"][key]) for key in ("classes", "objectives", "pairs")},
        }
    )
    objectives = [objective_of(record, o) for o in record.objectives]
    models = [ModelFindings(**_nan(model), exported=True) for model in kept["models"]]
    kept_resolution = kept["resolution"]
    resolution = Resolution(
        **{
            **kept_resolution,
            "steps": tuple(map(tuple, kept_resolution["steps"])),
            "against": tuple(
                Versus(**{**v, "differences": tuple(Difference(**_known(d)) for d in v["differences"])})
                for v in kept_resolution["against"]
            ),
        }
    )
    return conclude(
        record,
        objectives,
        models,
        pandas.DataFrame(kept["trials"]).astype({"front": bool}),
        comparisons=Comparisons(
            resolution, *(pandas.DataFrame(kept[table]) for table in ("by_class", "by_group"))
        ),
        confusion=pandas.DataFrame(kept["confusion"]),
        seeds=0,
        notes=(),
    )


def with_differences(
    findings: Findings, model: str, role: str, change: Callable[[Difference], Difference]
) -> Findings:
    """Return findings in which each difference of a model from its baseline of a role is another one."""
    comparisons = findings.comparisons
    against = tuple(
        replace(verdict, differences=tuple(change(difference) for difference in verdict.differences))
        if (verdict.model, verdict.role) == (model, role)
        else verdict
        for verdict in comparisons.resolution.against
    )
    resolution = replace(comparisons.resolution, against=against)
    return replace(findings, comparisons=replace(comparisons, resolution=resolution))


def _nan(value: Any) -> Any:
    """Return a value with NaN where JSON has null."""
    if isinstance(value, dict):
        return {key: _nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nan(item) for item in value]
    return float("nan") if value is None else value


def _known(difference: dict[str, Any]) -> dict[str, Any]:
    """Return a difference with NaN where JSON has null; that of `better` means that there is none."""
    return {**_nan(difference), "better": difference["better"]}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items() if key != "counts"}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 5)
    return value


def _kept(findings: Findings) -> dict[str, Any]:
    trials = findings.trials
    columns = [c for c in (*_TRIALS, *findings.members[0].searched) if c in trials.columns]
    tables = {"by_class": findings.comparisons.by_class, "by_group": findings.comparisons.by_group}
    record = {**findings.record.to_dict(), "machine": {}, "space": {}}
    return {
        "record": {**record, "dataset": {**record["dataset"], "notes": [], "options": {}}},
        "models": [
            {
                "id": m.id,
                "role": m.role,
                "architecture": m.architecture,
                "config": {key: m.config[key] for key in _CONFIG if key in m.config},
                "searched": m.searched,
                "splits": {
                    "test": m.splits["test"],
                    "validation": {key: m.splits["validation"][key] for key in ("n", "values")},
                },
            }
            for m in findings.models
        ],
        "resolution": asdict(findings.comparisons.resolution),
        "trials": trials[columns].to_dict("list"),
        "confusion": findings.confusion.to_dict("list"),
        **{name: table.to_dict("list") for name, table in tables.items()},
    }


if __name__ == "__main__":
    import tempfile

    from kdtune.report.export.run import ExportRequest, run_export

    with tempfile.TemporaryDirectory() as folder:
        _, found = run_export(ExportRequest(run=sys.argv[1], out=Path(folder) / "out"))
    text = json.dumps(_rounded(_kept(found)), separators=(",", ":"))
    Path(sys.argv[2]).write_text(text + "\n")
