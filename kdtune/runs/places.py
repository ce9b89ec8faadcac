"""Where models are trained: which share a GPU. A run without GPUs records no places."""

from collections.abc import Iterable

from kdtune.runs.state import ModelState


def gpu_names(models: Iterable[ModelState]) -> dict[str, str]:
    """Return the name of each model's GPU by the model's id: `GPU 0`, with its machine where there are several.

    Models without a GPU, or of an earlier kdtune, which did not record it, are left out.
    """
    placed = [model for model in models if model.gpu]
    several = len({model.machine for model in placed}) > 1
    return {
        model.id: f"{model.machine} GPU {model.gpu}" if several else f"GPU {model.gpu}" for model in placed
    }


def by_gpu(models: Iterable[ModelState]) -> dict[str, list[str]]:
    """Return the ids of the models in training by the name of their GPU, in the order of the names."""
    names = gpu_names(model for model in models if model.state == "running")
    found: dict[str, list[str]] = {name: [] for name in sorted(set(names.values()))}
    for model_id, name in names.items():
        found[name].append(model_id)
    return found
