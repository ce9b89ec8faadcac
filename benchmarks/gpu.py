"""Measures one GPU in one command: `python -m benchmarks.gpu`. It needs torch and numpy, but no Ray, Optuna or Textual.

First it compares training on the GPU with training on the CPU. Then, for each student, it times a training step one
student at a time (`solo`), several processes at a time (`packed`), several students as one network (`fused`), and both
captured as CUDA graphs (`solo+graph`, `fused+graph`), next to the time that arithmetic and memory traffic would take.
On a machine without a GPU it tests itself on the CPU, where graphs are left out.
"""

import argparse
import json
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

try:
    import pydantic  # noqa: F401  # the one package beyond torch, torchvision and numpy that this needs
except ModuleNotFoundError:
    raise SystemExit(
        "benchmarks.gpu needs pydantic. Where no registry is reached, carry its wheels there: 'pip download pydantic "
        "-d wheels' here, 'pip install --no-index --find-links wheels pydantic' there"
    ) from None

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.steps import Step, fused_step, noise_logits, solo_step
from kdtune.distill.training import Training

CLASSES = 10
EPOCHS, IMAGES = 30, 50_000
"""What "students an hour" counts: trainings on a set of CIFAR's size."""


@dataclass(frozen=True)
class Row:
    """One way of training one architecture.

    Attributes:
        ms: median milliseconds per step of all its students together.
        students_an_hour: trainings per hour of EPOCHS epochs on IMAGES images.
        of_roofline: the least time that the measured peak of arithmetic and memory traffic allows, over `ms`.
        launches: kernels per step and student; None on a CPU.
        mb: peak memory beyond the data; None on a CPU.
    """

    architecture: str
    precision: str
    way: str
    students: int
    ms: float
    students_an_hour: float
    of_roofline: float
    launches: float | None
    mb: float | None


def job_of(architecture: str, precision: str, batch: int, seed: int = 0, epochs: int = EPOCHS) -> Job:
    train = TrainConfig(
        epochs=epochs, batch_size=batch, lr=0.02, schedule="constant", augment=False,
        precision=precision, channels_last=precision == "bfloat16",
    )  # fmt: skip
    return Job(architecture, train, seed, 0, Distillation("teacher", 4.0, 0.5))


def data_on(device: torch.device, size: int, n: int) -> DeviceData:
    """Return n made-up colour images of a square size, with labels that can be learnt."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % CLASSES
    images = rng.integers(0, 200, size=(n, 3, size, size), dtype=np.uint8)
    images[:, 0, :4, :4] = (labels * 20)[:, None, None]
    half = (0.5,) * 3
    arrays = Arrays(images, labels, images[:64], labels[:64], {}, {}, CLASSES, half, half, 0, False)
    return DeviceData(arrays, device, view_seed=0, augment=False)


def largest_difference(architecture: str, device: torch.device, size: int, batch: int) -> dict[str, float]:
    """Train an epoch of four steps here and on the CPU; return how far apart losses and validation logits are."""
    from kdtune.distill.evaluate import predict_logits
    from kdtune.distill.teacher import TeacherSignal

    found = []
    for where in (torch.device("cpu"), device):
        data = data_on(where, size, 4 * batch)
        signal = TeacherSignal(lambda _, data=data: noise_logits(data), np.zeros(64, dtype=np.int64))
        training = Training(job_of(architecture, "float32", batch, epochs=1), data, teacher=signal)
        report = training.step()
        logits = predict_logits(training.model.eval(), data.validation, where).cpu()
        found.append((report.train_loss, logits))
    (loss, logits), (other_loss, other_logits) = found
    scale = float(logits.abs().max())
    return {
        "loss": abs(loss - other_loss) / abs(loss),
        "logits": float((logits - other_logits).abs().max()) / scale,
    }


def captured(step: Step) -> Step:
    """Return a step as one CUDA graph: launched as one, with what the host decides frozen."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def milliseconds(step: Step, device: torch.device, seconds: float) -> float:
    """Return the median time of a step over runs of some steps, for about this long."""
    for _ in range(3):
        step()
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < deadline:
        synchronise(device)
        started = time.perf_counter()
        for _ in range(5):
            step()
        synchronise(device)
        times.append((time.perf_counter() - started) / 5)
    return 1e3 * statistics.median(times)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def launches(step: Step, device: torch.device) -> float | None:
    """Return how many kernels a step launches."""
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    step()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        step()
        torch.cuda.synchronize()
    names = ("cudaLaunchKernel", "cuLaunchKernel", "cudaLaunchKernelExC", "cudaGraphLaunch")
    return float(sum(event.count for event in profiler.key_averages() if event.key in names))


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write, each tensor once per operation; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            for value in torch.utils._pytree.tree_leaves((args, kwargs, out)):
                if isinstance(value, Tensor):
                    self.bytes += value.numel() * value.element_size()
        return out


def least_ms(step: Step, peak: dict[str, float], precision: str) -> float:
    """Return the milliseconds that a step takes at the machine's measured peaks."""
    with FlopCounterMode(display=False) as flops:
        step()
    with Traffic() as traffic:
        step()
    return 1e3 * max(flops.get_total_flops() / peak[precision], traffic.bytes / peak["bytes"])


def peaks(device: torch.device, n: int) -> dict[str, float]:
    """Return the operations per second of a matrix product, by precision, and the bytes per second of a copy."""
    found = {}
    for precision in ("float32", "bfloat16"):
        a = torch.randn(n, n, device=device, dtype=getattr(torch, precision))
        found[precision] = 2 * n**3 / (milliseconds(lambda a=a: torch.mm(a, a), device, 0.3) / 1e3)
    block = torch.empty(n * n * 4, device=device)
    other = torch.empty_like(block)
    found["bytes"] = 8 * block.numel() / (milliseconds(lambda: other.copy_(block), device, 0.3) / 1e3)
    return found


def packed_worker(job: Job, size: int, seconds: float, ready: Any, rates: Any) -> None:
    """Train in a process of its own as long as the others do, and report its steps per second."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    step = solo_step(job, data_on(device, size, job.train.batch_size))
    step()
    synchronise(device)
    ready.wait()
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        n += 1
    synchronise(device)
    rates.put(n / (time.perf_counter() - started))


def packed_rate(job: Job, size: int, processes: int, seconds: float) -> float:
    """Return the steps per second of several processes together."""
    context = multiprocessing.get_context("spawn")
    ready, rates = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=packed_worker, args=(job, size, seconds, ready, rates))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    total = sum(rates.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join()
    return float(total)


def measure(
    architecture: str,
    precision: str,
    device: torch.device,
    peak: dict[str, float],
    options: argparse.Namespace,
) -> list[Row]:
    job = job_of(architecture, precision, options.batch)
    data = data_on(device, options.size, options.batch)
    on_gpu = device.type == "cuda"
    steps_each = EPOCHS * math.ceil(IMAGES / options.batch)
    rows: list[Row] = []

    def add(way: str, students: int, make: Callable[[], Step], *, graph: bool = False) -> None:
        if on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        plain = make()
        least = least_ms(plain, peak, precision)
        count = launches(plain, device)
        step = captured(plain) if graph else plain
        ms = milliseconds(step, device, options.seconds)
        rows.append(
            Row(
                architecture, precision, way, students, ms, 3.6e6 * students / (ms * steps_each), least / ms,
                None if count is None else (1.0 if graph else count) / students,
                (torch.cuda.max_memory_allocated() - before) / 2**20 if on_gpu else None,
            )
        )  # fmt: skip

    add("solo", 1, lambda: solo_step(job, data))
    if on_gpu:
        add("solo+graph", 1, lambda: solo_step(job, data), graph=True)
    for k in options.fused:
        add("fused", k, lambda k=k: fused_step(job, data, k))
        if on_gpu:
            add("fused+graph", k, lambda k=k: fused_step(job, data, k), graph=True)
    for processes in options.packed:
        rate = packed_rate(job, options.size, processes, options.seconds)
        ms = 1e3 * processes / rate
        of_roofline = rows[0].of_roofline * rows[0].ms * processes / ms
        rows.append(
            Row(architecture, precision, "packed", processes, ms, 3600 * rate / steps_each, of_roofline,
                rows[0].launches, None)
        )  # fmt: skip
    return rows


def show(rows: list[Row]) -> None:
    print(f"{'student':10} {'precision':9} {'way':12} {'K':>3} {'ms/step':>9} {'students/h':>11} "
          f"{'× solo':>7} {'roofline':>9} {'launches':>9} {'MB':>7}")  # fmt: skip
    solo = {(r.architecture, r.precision): r for r in rows if r.way == "solo"}
    for r in rows:
        ratio = r.students_an_hour / solo[r.architecture, r.precision].students_an_hour
        last = ["–" if value is None else f"{value:,.0f}" for value in (r.launches, r.mb)]
        print(f"{r.architecture:10} {r.precision:9} {r.way:12} {r.students:3} {r.ms:9.3f} {r.students_an_hour:11,.1f} "
              f"{ratio:7.2f} {r.of_roofline:9.1%} {last[0]:>9} {last[1]:>7}")  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", nargs="+", default=["resnet20", "lenet5", "cnn8"], metavar="NAME")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32, help="pixels per side")
    parser.add_argument("--fused", nargs="*", type=int, default=[4, 16, 64], metavar="K")
    parser.add_argument("--packed", nargs="*", type=int, default=[2, 4, 8], metavar="P")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    parser.add_argument("--json", metavar="FILE", help="also write everything to this file")
    parser.add_argument("--quick", action="store_true", help="a small size that tests this program")
    options = parser.parse_args(arguments)
    if options.quick:
        options.students, options.precision, options.batch, options.size = ["cnn8"], ["float32"], 16, 8
        options.fused, options.packed, options.seconds = [3], [2], 0.05
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU: the CPU, one thread"
    if device.type == "cpu":
        torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    print(f"{name}; torch {torch.__version__}; batch {options.batch}, {options.size}x{options.size} pixels")
    differences = {}
    for architecture in options.students:
        differences[architecture] = largest_difference(
            architecture, device, options.size, min(options.batch, 32)
        )
        found = ", ".join(f"{what} {value:.1e}" for what, value in differences[architecture].items())
        print(f"{architecture}: four steps here and on the CPU differ by (relative) {found}")
    wrong = [name for name, found in differences.items() if found["loss"] > 1e-3 or found["logits"] > 0.02]
    peak = peaks(device, 256 if options.quick else 4096 if device.type == "cuda" else 1024)
    print(f"peaks: {peak['float32'] / 1e12:.2f} TFLOP/s float32, {peak['bfloat16'] / 1e12:.2f} bfloat16, "
          f"{peak['bytes'] / 1e9:.0f} GB/s")  # fmt: skip
    rows = []
    for architecture in options.students:
        for precision in options.precision:
            rows += measure(architecture, precision, device, peak, options)
    show(rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            content = {"device": name, "torch": torch.__version__, "peaks": peak, "differences": differences}
            json.dump({**content, "rows": [asdict(row) for row in rows]}, file, indent=1)
    if wrong:
        print(f"numbers differ from the CPU's: {', '.join(wrong)}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
