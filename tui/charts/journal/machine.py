"""The machine: processors, memory, GPUs, and what each worker does."""

from collections import Counter

from kdtune.runs.places import gpu_names
from kdtune.runs.state import ModelState
from kdtune.text import counted, duration, plain, setting

from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit
from ..frame import Frame

_LABEL = 9
_GIB = 2**30


def machine(frame: Frame) -> Canvas:
    """Draw how busy the machine is, then the models in training with their epochs."""
    canvas = frame.canvas()
    if frame.elsewhere or frame.machine is None:
        said = (
            f"the driver is on {plain(frame.elsewhere)}: not seen from here"
            if frame.elsewhere
            else "not recorded"
        )
        canvas.text(0, 0, fit(frame.glyphs.text(said), canvas.width), "dim")
        y = 1
    else:
        y = _meters(frame, canvas)
    _workers(frame, canvas, y + 1)
    return canvas


def _meters(frame: Frame, canvas: Canvas) -> int:
    """Draw a row for all processors, memory and each GPU; return the next row."""
    found = frame.machine
    assert found is not None
    busy = sum(found.processors)
    cores = counted(found.cores, "core")
    used = f"{busy:.1f} of {cores}" if found.processors else cores
    rows = [
        ("CPU", busy / max(1, found.cores), f"{used}, load {found.load:.1f}"),
        (
            "memory",
            found.memory_used / max(1, found.memory),
            f"{found.memory_used / _GIB:.1f} of {found.memory / _GIB:.1f} GiB",
        ),
    ]
    for k, gpu in enumerate(found.gpus):
        rows.append((f"GPU {k}", gpu.used, f"{gpu.used:.0%} {plain(gpu.name)}"))
        said = f"{gpu.memory_used / _GIB:.1f} of {gpu.memory / _GIB:.1f} GiB"
        if gpu.processes:
            said += f", {gpu.processes} process{'' if gpu.processes == 1 else 'es'}"
        rows.append(("  memory", gpu.memory_used / max(1, gpu.memory), said))
    for y, (label, share, said) in enumerate(rows):
        size = max(0, min(30, canvas.width - _LABEL - 30))
        canvas.text(0, y, label, "text")
        end = canvas.text(_LABEL, y, raster.bar(share * size, size, ascii_only=frame.glyphs.ascii), "accent")
        canvas.text(end, y, frame.glyphs.glyph("track") * (_LABEL + size - end), "faint")
        canvas.text(_LABEL + size + 1, y, fit(said, max(0, canvas.width - _LABEL - size - 1)), "dim")
    y = len(rows)
    if not found.gpus:
        said = "no GPU" if found.gpus_known else "no GPU is shown: that takes nvidia-ml-py"
        canvas.text(0, y, fit(said, canvas.width), "dim")
        y += 1
    return y


def _workers(frame: Frame, canvas: Canvas, y: int) -> None:
    store, glyphs = frame.store, frame.glyphs
    running = [m for m in (*store.baselines, *store.trials) if frame.state_of(m) == "running"]
    if y >= canvas.height:
        return
    over = frame.ended or store.state.state not in ("preparing", "running")
    title = (
        f"no worker: {frame.ended or 'the run has ended'}"
        if over
        else f"{counted(len(running), 'model')} in training"
    )
    canvas.text(0, y, fit(title, canvas.width), "heading")
    if over:
        return
    cohort = store.record.machine.get("cohort") or {}
    size, fused = int(cohort.get("size", 1)), tuple(cohort.get("architectures", ()))
    places = gpu_names(running)
    together = Counter(m.config.get("student") for m in running if m.config.get("student") in fused)
    for k, model in enumerate(running[: max(0, canvas.height - y - 1)], y + 1):
        x = canvas.text(
            0, k, glyphs.glyph(model.kind if model.kind in ("teacher", "nds") else "running"), "accent"
        )
        said = (
            f"{plain(model.id)}  epoch {model.epoch}/{model.epochs}  {_since(frame, model)}  {_what(model)}"
        )
        if model.id in places:
            said += f"  on {plain(places[model.id])}"
        if size > 1 and together.get(model.config.get("student"), 0) > 1:
            said += f"  in a cohort of up to {size}"
        canvas.text(x + 1, k, fit(glyphs.text(said), canvas.width - x - 1), "text")


def _since(frame: Frame, model: ModelState) -> str:
    return duration(max(frame.now, model.started) - model.started)


def _what(model: ModelState) -> str:
    """Return the architecture, and of a student what it is taught with."""
    config = model.config
    if model.kind != "student":
        return plain(config.get("architecture", ""))
    shown = [("T", "temperature"), ("α", "alpha"), ("lr", "lr")]
    settings = [f"{label} {setting(config[name])}" for label, name in shown if name in config]
    return "  ".join([plain(config.get("pair", "")), *settings])
