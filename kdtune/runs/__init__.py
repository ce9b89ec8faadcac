"""The run directory: its format, its writer, its readers. Uses neither torch nor Ray nor Textual."""

from kdtune.runs.finding import create_run, find_run, list_runs
from kdtune.runs.measures.objectives import MEASURES, Measure, Objective, References
from kdtune.runs.paths import RunFiles, runs_dir
from kdtune.runs.reader import Run, open_run
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.state import ModelState, RunState
from kdtune.runs.summary import Summary, summarise

__all__ = [
    "ALL",
    "MEASURES",
    "Measure",
    "ModelState",
    "Objective",
    "References",
    "Report",
    "Run",
    "RunFiles",
    "RunRecord",
    "RunState",
    "Summary",
    "create_run",
    "find_run",
    "list_runs",
    "open_run",
    "runs_dir",
    "summarise",
]
