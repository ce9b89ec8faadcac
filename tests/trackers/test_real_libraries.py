"""Each tracker, with its real library and without a network: what it shows is what the run recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from kdtune.runs import Run
from kdtune.runs.paths import RunFiles
from kdtune.trackers.feed import log_run
from tests.trackers.conftest import Curves, recorded, wandb_records

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated"  # MLflow's own tables, with SQLAlchemy 2.1
)


def logged(files: RunFiles, name: str, **options: Any) -> str:
    """Log a run; W&B's own process has written its files only once it has ended, as at the end of ours."""
    said = log_run(files, name, **options)
    if name == "wandb":
        import wandb

        wandb.teardown()
    return said


def close(found: dict[str, float], expected: dict[str, float], **tolerance: float) -> None:
    assert {name: found[name] for name in expected} == pytest.approx(expected, **tolerance)


def check(found: Curves, run: Run, **tolerance: float) -> None:
    expected = recorded(run)
    assert len(expected) == 8, "two teachers, two students without one, four trials"
    assert found.keys() == expected.keys()
    for name, epochs in expected.items():
        assert found[name].keys() == epochs.keys(), name
        for epoch, values in epochs.items():
            close(found[name][epoch], values, **tolerance)


def tensorboard_curves(run: Run) -> Curves:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves: Curves = {}
    for folder in run.files.tracker("tensorboard").with_suffix("").iterdir():
        if folder.name != "sweep":
            accumulator = EventAccumulator(str(folder)).Reload()
            for tag in accumulator.Tags()["scalars"]:
                for event in accumulator.Scalars(tag):
                    curves.setdefault(folder.name, {}).setdefault(event.step, {})[tag] = event.value
    return curves


def test_tensorboard(run: Run) -> None:
    line = logged(run.files, "tensorboard")
    assert line == f"tensorboard: logged 16 reports of small to {run.path.resolve()}/trackers/tensorboard"
    check(tensorboard_curves(run), run, rel=1e-6)  # it keeps 32 bits


def test_tensorboard_shows_settings_beside_last_measures(run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    logged(run.files, "tensorboard")
    folder = run.files.tracker("tensorboard").with_suffix("") / "t0000"
    plugin = EventAccumulator(str(folder)).Reload().PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(plugin["_hparams_/session_start_info"]).session_start_info
    trial = run.trials().loc["t0000"]
    assert start.hparams["temperature"].number_value == trial["temperature"]
    assert start.hparams["pair"].string_value == trial["pair"]


def mlflow_runs() -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("kdtune")
    assert experiment is not None
    return {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}


def test_mlflow(run: Run) -> None:
    from mlflow import MlflowClient

    logged(run.files, "mlflow")
    found, curves = mlflow_runs(), {}
    sweep = found.pop("small")
    for name, item in found.items():
        epochs = curves.setdefault(name, {})
        for key in item.data.metrics:
            for metric in MlflowClient().get_metric_history(item.info.run_id, key):
                epochs.setdefault(metric.step, {})[metric.key] = metric.value
    check(curves, run)
    assert {item.data.tags["mlflow.parentRunId"] for item in found.values()} == {sweep.info.run_id}
    assert {item.info.status for item in found.values()} == {"FINISHED"}
    front = set(run.front().index)
    assert {name for name, item in found.items() if item.data.tags["front"] == "true"} == front
    trial = run.trials().loc["t0001"]
    assert float(found["t0001"].data.params["temperature"]) == trial["temperature"]
    assert int(found["t0001"].data.params["seed"]) == trial["seed"]
    done, size = run.state().hypervolume[-1]
    assert sweep.data.metrics["hypervolume"] == size
    assert done == 4


def test_wandb(run: Run) -> None:
    logged(run.files, "wandb")
    curves: Curves = {}
    configs, summaries = {}, {}
    for file in (run.files.tracker("wandb").with_suffix("") / "wandb").glob("offline-run-*/*.wandb"):
        name = ""
        for record in wandb_records(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                name = record.run.display_name or name
                updates = record.run.config.update
                configs.setdefault(name, {}).update(
                    {u.key: json.loads(u.value_json) for u in updates if u.key}
                )
            elif kind == "history":
                row = {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
                curves.setdefault(name, {})[row["_step"]] = row
            elif kind == "summary":
                update = record.summary.update
                summaries.setdefault(name, {}).update(
                    {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in update}
                )
    assert [row["hypervolume"] for row in curves.pop("sweep").values()] == [
        size for _, size in run.state().hypervolume
    ]
    check(curves, run)
    assert configs["t0002"]["temperature"] == run.trials().loc["t0002"]["temperature"]
    assert set(summaries["sweep"]["front"]) == set(run.front().index)


def test_trackio(run: Run) -> None:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    logged(run.files, "trackio")
    curves: Curves = {}
    names = {item.name: item for item in trackio.Api().runs("kdtune")}
    for name in names:
        for row in SQLiteStorage.get_logs("kdtune", name):
            steps = curves.setdefault(name.removeprefix("small/"), {})
            steps.setdefault(row["step"], {}).update(row)
    assert curves.pop("sweep")[4]["hypervolume"] == run.state().hypervolume[-1][1]
    check(curves, run)
    assert names["small/t0003"].config["temperature"] == run.trials().loc["t0003"]["temperature"]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb", "trackio"])
def test_what_is_logged_is_not_logged_again(run: Run, name: str) -> None:
    first = logged(run.files, name)
    before = everything(run.path.parents[1])
    second = logged(run.files, name)
    assert "logged 16 reports" in first
    assert second.startswith(f"{name}: nothing new: all 16 reports of small are in ")
    assert everything(run.path.parents[1]) == before


def everything(folder: Path) -> set[tuple[str, int]]:
    """Return the files of all trackers with their sizes, without the memory of what was logged, and databases' own.

    Nor with wandb's log of itself, to which its own process may still write when it has been told to finish.
    """
    kept = (".json", ".lock", "-wal", "-shm", "-journal", "debug-core.log")
    return {
        (str(path), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(kept)
    }


def test_logged_again_on_request_it_stands_beside_what_was_logged(run: Run) -> None:
    from mlflow import MlflowClient

    logged(run.files, "mlflow")
    line = logged(run.files, "mlflow", again=True)
    assert line.startswith("mlflow: logged 16 reports of small to sqlite:///")
    experiment = MlflowClient().get_experiment_by_name("kdtune")
    assert experiment is not None
    assert len(MlflowClient().search_runs([experiment.experiment_id])) == 2 * 9
