"""A simulated device, `sim`: its tensors compute on the processor and behave as those of a GPU.

It is PyTorch's PrivateUse1 backend, registered from Python. A tensor on it wraps one on the CPU. Tensors of both may
not meet in an operation (a CPU tensor without dimensions may, as on CUDA). Each operation is logged, and so is each
copy between device and host, and each time the host has to wait for the device.

What it can't show: how long anything takes, how a GPU rounds, and that operations overlap.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer
from torch.utils import _foreach_utils, backend_registration
from torch.utils import _pytree as pytree

NAME = "sim"

aten = torch.ops.aten

_WITHOUT_WORK = {"_unsafe_view", "lift_fresh", "empty", "empty_like", "empty_strided", "new_empty"}
"""Operations for which a device runs nothing, beside views."""

_WAITING = {"_local_scalar_dense", "equal", "nonzero", "masked_select", "_unique2"}
"""Operations whose outcome, or its shape, the host must know before it can go on."""


@dataclass
class Log:
    """What a device was asked to do.

    Attributes:
        operations: how often each one ran, without views and allocations; a graph is one.
        to_device, to_host: copies.
        waits: times that the host needed something from the device; a copy to the host is one too.
    """

    operations: Counter[str] = field(default_factory=Counter)
    to_device: int = 0
    to_host: int = 0
    waits: int = 0

    @property
    def copies(self) -> int:
        """Copies in both directions."""
        return self.to_device + self.to_host

    @property
    def total(self) -> int:
        """Number of operations."""
        return self.operations.total()


_logs: list[Log] = []


@contextmanager
def logged() -> Iterator[Log]:
    """Log what the device does in the block."""
    log = Log()
    _logs.append(log)
    try:
        yield log
    finally:
        _logs.remove(log)


_recorded: list[list[Callable[[], None]]] = []
"""What the graph that is being recorded will do."""


def record(function: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
    """Record what the device does in a function; return what that returned, and what does it again.

    As a CUDA graph, it runs the same operations on the same memory, and nothing of what the host did between them. It
    refuses what a GPU refuses while it records: whatever the host waits for.
    """
    steps: list[Callable[[], None]] = []
    _recorded.append(steps)
    try:
        found = function()
    finally:
        _recorded.remove(steps)

    def replay() -> None:
        for log in _logs:
            log.operations["graph"] += 1
        with torch.no_grad():
            for step in steps:
                step()

    return found, replay


def _refuse_while_recording(what: str) -> None:
    if _recorded:
        raise RuntimeError(f"{what}: operation not permitted when stream is capturing")


class DeviceMixError(RuntimeError):
    """Tensors of two devices met in one operation."""


class SimTensor(Tensor):
    """A tensor on the simulated device; `host` has its values."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> "SimTensor":
        made: SimTensor = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            host.shape,
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=torch.device(NAME, 0),
        )
        made.host = host
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @property  # type: ignore[override]
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, SimTensor):
            raise DeviceMixError("a tensor of the device is given the data of one that is not there")
        Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.host = value.host

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"SimTensor({self.host!r})"

    def __reduce_ex__(self, protocol: object) -> Any:
        raise DeviceMixError("a tensor of the device is written to a file: copy it to the host first")

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation on the tensors' values, log it, and return the result on the device."""
    if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):
        # Without autograd an operation arrives here before torch takes it apart into those that run.
        return func.decompose(*args, **kwargs)
    name = func._schema.name.partition("::")[2]
    match name:
        case "copy_":
            return _copied(*args[:2])
        case "_copy_from":
            return _copied(args[1], args[0])
        case "_to_copy":
            return _moved(*args, **kwargs)
    for value in pytree.tree_leaves((args, kwargs)):
        if isinstance(value, Tensor) and not isinstance(value, SimTensor) and value.dim():
            raise DeviceMixError(f"{func}: a tensor of the CPU {list(value.shape)} meets one of the device")
    if name in _WAITING:
        _refuse_while_recording(name)
    host_args, host_kwargs = pytree.tree_map(_on_host, (args, kwargs))
    out = func(*host_args, **host_kwargs)
    if not func.is_view and name not in _WITHOUT_WORK:
        _recorded_too(lambda: func(*host_args, **host_kwargs), out)
    for log in _logs:
        if not func.is_view and name not in _WITHOUT_WORK:
            log.operations[name] += 1
        log.waits += name in _WAITING
    return _on_device(func, out, args, kwargs)


def _recorded_too(again: Callable[[], Any], out: Any) -> None:
    """Let the graph that is being recorded do this too, into the memory of what came of it."""

    def step() -> None:
        for kept, new in zip(pytree.tree_leaves(out), pytree.tree_leaves(again()), strict=True):
            if isinstance(kept, Tensor) and kept is not new:
                kept.copy_(new)

    for steps in _recorded:
        steps.append(step)


def _on_host(value: Any) -> Any:
    if isinstance(value, torch.device) and value.type == NAME:
        return torch.device("cpu")
    return value.host if isinstance(value, SimTensor) else value


def _on_device(func: Any, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return results as tensors of the device; what was written in place stays the tensor that it was."""
    given = [value for value in pytree.tree_leaves((args, kwargs)) if isinstance(value, SimTensor)]
    written = {id(value.host): value for value in given}
    # A view of a tensor is an inference tensor exactly if the tensor is one, whatever the mode.
    inference = given[0].is_inference() if func.is_view else torch.is_inference_mode_enabled()

    def one(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) in written:
            return written[id(value)]
        with torch.inference_mode(inference):
            return SimTensor(value)

    return pytree.tree_map(one, out)


def _copied(target: Tensor, source: Tensor) -> Tensor:
    """Copy values into a tensor, from wherever they are."""
    _log_copy(isinstance(source, SimTensor), isinstance(target, SimTensor))
    to, of = _on_host(target), _on_host(source)
    to.copy_(of)
    _recorded_too(lambda: to.copy_(of), to)
    return target


def _moved(source: Tensor, *, device: Any = None, **options: Any) -> Tensor:
    """Return a copy on a device, or of another type."""
    target = torch.device(device or source.device).type
    _log_copy(isinstance(source, SimTensor), target == NAME)
    options.pop("non_blocking", None)
    options.pop("pin_memory", None)
    of = _on_host(source)
    out: Tensor = aten._to_copy.default(of, **options)
    _recorded_too(lambda: aten._to_copy.default(of, **options), out)
    return SimTensor(out) if target == NAME else out


def _log_copy(from_device: bool, to_device: bool) -> None:
    if from_device != to_device:
        _refuse_while_recording("a copy between device and host")
    for log in _logs:
        if from_device and to_device:
            log.operations["copy"] += 1
        log.to_device += to_device and not from_device
        log.to_host += from_device and not to_device
        log.waits += from_device and not to_device


class _Module(backend_registration._DummyBackendModule):
    """What torch looks for in `torch.sim`."""

    def synchronize(self, device: object = None) -> None:
        for log in _logs:
            log.waits += 1

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


_registered: list[torch.library.Library] = []
"""A registration ends with the object that made it."""


def register() -> torch.device:
    """Make the device known to torch, for the rest of this process, and return it."""
    if not _registered:
        backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
        library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
        # What is called where no tensor of the device leads to `__torch_dispatch__`.
        for func in (
            aten.empty.memory_format,
            aten.empty_strided.default,
            aten._copy_from.default,
            aten.copy_.default,
        ):

            def implementation(*args: Any, func: Any = func, **kwargs: Any) -> Any:
                return _run(func, args, kwargs)

            library.impl(func, implementation, "PrivateUse1")  # type: ignore[no-untyped-call]
        low_precision = torch.library.Library("_", "IMPL")  # type: ignore[no-untyped-call]
        low_precision.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # type: ignore[no-untyped-call]
        _registered.extend((library, low_precision))
        # torch takes its fast paths for tensors of its own type only.
        optimizer._foreach_supported_types.append(SimTensor)
        _foreach_utils._foreach_supported_types.append(SimTensor)
    return torch.device(NAME, 0)
