"""Measures one GPU in one command: `python -m benchmarks.gpu`.

It needs nothing but torch, torchvision, numpy, pydantic and safetensors.

First it compares training on the GPU with training on the CPU, several students as one with each alone, and bfloat16
with float32. Then it times whole epochs of teacher-student pairs, as kdtune trains them and as one would write them by
hand, and then single steps: one student (`solo`), several as one network (`fused`), both as CUDA graphs and compiled,
and several processes (`packed`), without and with MPS. Each row is printed and saved at once, the most important first;
after `--seconds` no further one is begun. On a machine without a GPU it tests itself on the CPU.
"""

import argparse
import contextlib
import math
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

try:
    import pydantic  # noqa: F401  # these two are all that it needs beyond torch, torchvision and numpy
    import safetensors  # noqa: F401
except ModuleNotFoundError as error:
    raise SystemExit(
        f"benchmarks.gpu needs pydantic and safetensors, and {error.name} is missing. Where no registry is reached, "
        "carry the wheels there: 'pip download pydantic safetensors -d wheels' here, "
        "'pip install --no-index --find-links wheels pydantic safetensors' there"
    ) from None

import torch

from benchmarks.gpu import checks, epochs, packed
from benchmarks.gpu.record import HEAD, Record, Row
from benchmarks.gpu.setups import EPOCHS, IMAGES, arrays_of, computing_device, data_on, job_of
from benchmarks.gpu.timing import kernels, least_ms, milliseconds, peaks
from kdtune.distill.config import Execution, Precision
from kdtune.distill.execution.step_graph import recorder_of
from kdtune.distill.steps import Step, fused_step, solo_step

EXECUTIONS: tuple[Execution, ...] = ("eager", "graphs", "compiled")


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=420.0, help="after these no further row is begun")
    parser.add_argument("--json", metavar="FILE", help="save everything to this file, row by row")
    parser.add_argument("--pairs", nargs="*", default=["resnet56->resnet20", "resnet20->lenet5"])
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="of an epoch; the rates are scaled to 50,000"
    )
    parser.add_argument("--students", nargs="*", default=["resnet20:32", "lenet5:32", "resnet18:64", "mlp-256-128:32"],
                        metavar="NAME:PIXELS", help="for single steps")  # fmt: skip
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32, help="pixels per side, for checks and epochs")
    parser.add_argument("--fused", nargs="*", type=int, default=[4, 16], metavar="K")
    parser.add_argument("--packed", nargs="*", type=int, default=[2, 4], metavar="P")
    parser.add_argument("--each", type=float, default=1.0, help="seconds for each row of single steps")
    parser.add_argument("--quick", action="store_true", help="tiny sizes that test this program")
    options = parser.parse_args(arguments)
    if options.quick:
        options.pairs, options.images, options.students = ["resnet8->cnn8"], 64, ["cnn8:8"]
        options.precision, options.batch, options.size, options.each = ["float32"], 16, 8, 0.05
        options.fused, options.packed = [3], [2]
    return options


def main(arguments: list[str] | None = None) -> int:
    started = time.monotonic()
    options = options_of(arguments)
    record = Record(Path(options.json) if options.json else None, started + options.seconds)
    device = computing_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU: the CPU, one thread"
    record.note("device", name, f"{name}; torch {torch.__version__}; batch {options.batch}")
    record.note("torch", torch.__version__, "float32 is float32: TF32 is off everywhere")
    bad = checked(record, device, options)
    peak = peaks(device, 256 if options.quick else 4096 if device.type == "cuda" else 1024)
    record.note("peaks", peak, f"peaks: {peak['float32'] / 1e12:.2f} TFLOP/s float32, "
                f"{peak['bfloat16'] / 1e12:.2f} bfloat16, {peak['bytes'] / 1e9:.0f} GB/s")  # fmt: skip
    record.say(f"students/h: trainings of {EPOCHS} epochs on {IMAGES:,} images")
    record.say(HEAD)
    whole_epochs(record, device, options)
    single_steps(record, device, options, peak)
    if bad:
        record.say(f"numbers differ by more than rounding: {', '.join(bad)}")
    return int(bool(bad))


def checked(record: Record, device: torch.device, options: argparse.Namespace) -> list[str]:
    """Compare what should be equal; return what is not."""
    bad = []
    for student in dict.fromkeys(pair.split("->")[1] for pair in options.pairs):
        try:
            found = checks.differences(student, device, options.size, min(options.batch, 32))
        except RuntimeError as error:
            record.leave_out(f"differences of {student}", str(error))
            bad.append(f"{student}, which can't be compared")
            continue
        said = "; ".join(
            f"{what}: loss {loss:.1e}, logits {logits:.1e}" for what, (loss, logits) in found.items()
        )
        record.note(
            f"differences of {student}", found, f"{student}, relative differences after four steps: {said}"
        )
        bad += [f"{student}, {what}" for what in checks.wrong(found)]
    return bad


def attempt(record: Record, what: str, measure: Callable[[], Row]) -> Row | None:
    """Add a row, or say why there is none: no time is left, or it failed."""
    if record.seconds_left <= 0:
        record.leave_out(what, "the time is up (--seconds)")
        return None
    try:
        row = measure()
    except Exception as error:  # one way that fails must not cost the others
        record.leave_out(what, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
        return None
    record.add(row)
    return row


def whole_epochs(record: Record, device: torch.device, options: argparse.Namespace) -> None:
    """Time epochs of each pair: by hand, one student, and several as one."""
    for pair in options.pairs:
        epochs_of(pair, record, device, options)


def epochs_of(pair: str, record: Record, device: torch.device, options: argparse.Namespace) -> None:
    """Time the epochs of one pair."""
    teacher_name, student = pair.split("->")
    data = epochs.data_of(device, options.size, options.images)
    teacher = epochs.teacher_of(teacher_name, data)

    def row(way: str, precision: Precision, students: int, seconds: float) -> Row:
        rate = 3600 * students * options.images / (IMAGES * EPOCHS * seconds)
        return Row(pair, precision, way, students, None, rate)

    def by_hand() -> Row:
        seconds = epochs.by_hand(student, teacher, data.arrays, device, options.batch)
        return row("by hand", "float32", 1, seconds)

    def by_kdtune(precision: Precision, students: int, execution: Execution) -> Row:
        seconds = epochs.by_kdtune(student, precision, data, signal, options.batch, students, execution)
        way = ("kdtune" if students == 1 else "kdtune, as one") + _suffix(execution)
        return row(way, precision, students, seconds)

    hand = attempt(record, f"{pair} by hand", by_hand)
    signal, seconds = epochs.cached(teacher, data)
    said = f"{pair}: a view of the teacher takes {seconds:.2f} s, once for all students"
    record.note(f"teacher's view of {pair}", seconds, said)
    for precision in options.precision:
        for students, execution in product((1, *options.fused), EXECUTIONS[:2]):
            what = f"{pair} {precision}{_suffix(execution)} of {students}"
            if execution == "graphs" and recorder_of(device) is None:
                record.leave_out(what, "it takes a GPU")
                continue
            found = attempt(record, what, partial(by_kdtune, precision, students, execution))
            if found and hand:
                times = found.students_an_hour / hand.students_an_hour
                record.note(f"{what} over by hand", times, f"  {times:.2f} times by hand")


def _suffix(execution: str) -> str:
    return "" if execution == "eager" else f", {execution}"


def single_steps(
    record: Record, device: torch.device, options: argparse.Namespace, peak: dict[str, float]
) -> None:
    """Time steps of each student in each way."""
    for student in options.students:
        for precision in options.precision:
            steps_of(student, precision, record, device, options, peak)


def steps_of(
    student: str,
    precision: Precision,
    record: Record,
    device: torch.device,
    options: argparse.Namespace,
    peak: dict[str, float],
) -> None:
    """Time steps of one student in one precision."""
    on_gpu, what = device.type == "cuda", f"{student} {precision}"
    architecture, _, pixels = student.partition(":")
    size = int(pixels)
    data = data_on(device, arrays_of(size, options.batch))
    job = job_of(architecture, precision, options.batch)
    steps_each = EPOCHS * math.ceil(IMAGES / options.batch)

    def make(students: int, execution: Execution) -> Step:
        asked = job_of(architecture, precision, options.batch, execution=execution)
        return solo_step(asked, data) if students == 1 else fused_step(asked, data, students)

    def timed(way: str, students: int, execution: Execution) -> Row:
        least = least_ms(make(students, "eager"), peak, precision)
        if on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        step = make(students, execution)
        step()
        if why := step.why_eager():
            raise RuntimeError(why)
        count = kernels(step, device)
        ms = milliseconds(step, device, options.each)
        return Row(
            student, precision, way, students, ms, 3.6e6 * students / (ms * steps_each),
            least / ms, None if count is None else count / students,
            (torch.cuda.max_memory_allocated() - before) / 2**20 if on_gpu else None,
        )  # fmt: skip

    def pack(way: str, processes: int, *, mps: bool) -> Row:
        with packed.shared_by_mps() if mps else contextlib.nullcontext():
            rate = packed.rate(job, size, processes, options.each, max(5.0, record.seconds_left))
        ms = 1e3 * processes / rate
        return Row(student, precision, way, processes, ms, 3600 * rate / steps_each)

    for students in (1, *options.fused):
        way = "solo" if students == 1 else "fused"
        for execution in EXECUTIONS:
            name = f"{way}{_suffix(execution)}"
            if on_gpu or execution == "eager":
                attempt(record, f"{what} {name} {students}", partial(timed, name, students, execution))
            else:
                record.leave_out(f"{what} {name} {students}", "it takes a GPU")
    for processes in options.packed:
        attempt(record, f"{what} packed {processes}", partial(pack, "packed", processes, mps=False))
        if on_gpu and packed.can_share():
            name = "packed, MPS"
            attempt(record, f"{what} {name} {processes}", partial(pack, name, processes, mps=True))
        else:
            record.leave_out(f"{what} packed, MPS {processes}", "there is no GPU with MPS here")


if __name__ == "__main__":
    raise SystemExit(main())
