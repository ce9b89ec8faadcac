"""Where models are trained: recorded, forgotten when they begin anew, and shown only where there are GPUs."""

from typing import Any

from kdtune.runs.lock import driver_lock
from kdtune.runs.places import by_gpu, gpu_names
from kdtune.runs.reader import Run
from kdtune.runs.state import fold
from kdtune.runs.summary import summarise
from tests.runs.test_state import ended, started


def place(t: float, model_id: str, gpu: str, machine: str = "a") -> dict[str, Any]:
    return {"t": t, "kind": "place", "id": model_id, "machine": machine, "gpu": gpu}


def test_models_that_share_a_gpu_stand_together() -> None:
    events = [started(1, f"t000{k}") for k in range(4)] + [
        place(2, "t0000", "1"), place(3, "t0001", "0"), place(4, "t0002", "1"),
    ]  # fmt: skip
    state = fold(events)
    assert by_gpu(state.trials.values()) == {"GPU 0": ["t0001"], "GPU 1": ["t0000", "t0002"]}
    state = fold([*events, ended(5, "done", "t0001"), place(6, "t0003", "0", "b")])
    assert by_gpu(state.trials.values()) == {"a GPU 1": ["t0000", "t0002"], "b GPU 0": ["t0003"]}
    assert gpu_names(state.trials.values())["t0001"] == "a GPU 0", "where it was trained"


def test_what_begins_again_may_come_elsewhere() -> None:
    state = fold([started(1), place(2, "t0000", "1"), ended(3, "interrupted")])
    assert gpu_names(state.trials.values()) == {}
    state = fold([started(1), place(2, "t0000", "1"), started(3)])
    assert gpu_names(state.trials.values()) == {}


def test_a_run_without_gpus_or_of_an_earlier_kdtune_shows_nothing() -> None:
    state = fold([started(1), started(2, "t0001"), place(3, "t0009", "1")])
    assert by_gpu(state.trials.values()) == {}
    assert state.unknown == 1, "a place of no model is skipped, and counted"


def test_status_names_the_gpus_while_the_run_is_at_work(make_run: Any) -> None:
    files, writer = make_run()
    writer.run_state("running")
    writer.model_started("t0000", "student", {"pair": "x->y"}, 2)
    writer.place("t0000", "a", "3")
    with driver_lock(files):
        assert summarise(Run(files)).on_gpus == {"GPU 3": ["t0000"]}
    [trial] = summarise(Run(files)).to_dict()["trials"]
    assert (trial["machine"], trial["gpu"]) == ("a", "3")
    assert summarise(Run(files)).on_gpus == {}, "its driver is gone"
    writer.close()
