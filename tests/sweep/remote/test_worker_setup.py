"""What a process with a share of a GPU may take of its memory; there is no GPU, so a stand-in takes its place."""

from types import SimpleNamespace

import pytest

from kdtune.sweep.remote import worker_setup
from kdtune.sweep.remote.allotment import TEACHER_GPU
from kdtune.sweep.remote.carried_code import UserCode


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({"CPU": 1.0, "GPU": 0.2475}, [0.2475]),
        ({"CPU": 1.0, "GPU": 0.495}, [0.495]),
        ({"CPU": 1.0, "GPU": 0.99}, []),
        ({"GPU": TEACHER_GPU}, []),
        ({"CPU": 1.0}, []),
    ],
)
def test_who_shares_a_gpu_takes_its_share_of_memory(
    given: dict[str, float], limits: list[float], monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    found: list[float] = []
    context = SimpleNamespace(get_assigned_resources=lambda: given)
    monkeypatch.setattr(worker_setup.ray, "get_runtime_context", lambda: context)
    monkeypatch.setattr(worker_setup.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(worker_setup.torch.cuda, "set_per_process_memory_fraction", found.append)
    assert worker_setup.prepare_process(1, UserCode.of(())).type == "cuda"
    assert found == limits
