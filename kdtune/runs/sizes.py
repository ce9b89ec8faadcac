"""How large a model's weights are, as far as the run directory tells."""

from kdtune.runs.paths import RunFiles
from kdtune.runs.state import ModelState, RunState


def weights_bytes(files: RunFiles, state: RunState, model: ModelState) -> int | None:
    """Return the bytes of a file with a model's weights; None where the run holds none.

    A student's weights are as large as those of a baseline of its architecture: its NDS, or a teacher.
    """
    architecture = model.config.get("student" if model.kind == "student" else "architecture")
    same = [item for item in state.baselines.values() if item.config.get("architecture") == architecture]
    for baseline in [model] if model in same else same:
        try:
            return files.weights(baseline.id).stat().st_size
        except OSError:  # it is not trained yet
            continue
    return None
