"""The private names of other libraries that kdtune uses: each is here, so that a release without it fails by name.

pyproject.toml keeps these libraries below their next minor version for this reason.
"""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import torch

NAMES = [
    ("threading", "_shutdown"),
    ("atexit", "_run_exitfuncs"),
    ("ray._private.ray_constants", "ENABLE_RAY_CLUSTER"),
    ("ray._private.node", "Node.start_monitor"),
    ("ray._private.node", "Node.start_log_monitor"),
    ("ray._private.node", "Node.start_api_server"),
    ("ray._private.node", "Node.start_head_processes"),
    ("ray._private.node", "Node.start_raylet"),
    ("ray._private.node", "Node.dead_processes"),
    ("ray._private.services", "get_node"),
    ("ray._private.services", "start_ray_process"),
    ("ray.job_config", "JobConfig._serialize"),
    ("ray._private.services", "_build_python_executable_command_memory_profileable"),
    ("ray._private.ray_constants", "PROCESS_TYPE_RAYLET"),
    ("ray._common.utils", "get_default_ray_temp_dir"),
    ("ray._raylet", "WorkerID.from_random"),
    ("ray.actor", "ActorClassID.from_random"),
    ("ray.tune.trainable.metadata", "_TrainingRunMetadata.update_metric"),
    ("optuna.storages", "BaseStorage.get_trial_id_from_study_id_trial_number"),
    ("optuna", "Study._get_trials"),
]


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda value: value)
def test_name(module: str, name: str) -> None:
    found = import_module(module)
    for part in name.split("."):
        assert hasattr(found, part), f"{module}.{name} is gone"
        found = getattr(found, part)


def test_an_optuna_study_names_its_storage_and_itself_in_it() -> None:
    import optuna

    study = optuna.create_study()
    trial = study.ask()
    assert study._storage.get_trial_id_from_study_id_trial_number(study._study_id, 0) == trial._trial_id


def test_ray_starts_workers_by_two_scripts_of_one_folder() -> None:
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    assert RayParams(setup_worker_path="mine").setup_worker_path == "mine"
    assert "self._ray_params.setup_worker_path" in inspect.getsource(Node.start_raylet)
    folder = Path(inspect.getfile(Node)).parent / "workers"
    assert (folder / "default_worker.py").is_file()
    setup = (folder / "setup_worker.py").read_text()
    assert all(f'"--{option}"' in setup for option in ("serialized-runtime-env-context", "language"))


def test_ray_tells_workers_of_folders_by_its_job() -> None:
    from ray._private import services
    from ray.job_config import JobConfig

    assert JobConfig()._py_driver_sys_path == []
    assert "cwd" in inspect.signature(services.start_ray_process).parameters


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_an_optimizer_s_step_can_be_unwrapped(optimizer: type[torch.optim.Optimizer]) -> None:
    assert list(inspect.signature(inspect.unwrap(optimizer.step)).parameters) == ["self", "closure"]


@pytest.mark.parametrize("name", ["add_param_group", "zero_grad", "state_dict", "load_state_dict"])
def test_a_method_that_asks_the_compiler_wraps_its_own(name: str) -> None:
    assert hasattr(getattr(torch.optim.Optimizer, name), "__wrapped__"), f"torch.optim.Optimizer.{name}"
