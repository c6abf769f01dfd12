"""CUDA graphs: on a GPU the kernels of small networks are done sooner than the host can launch them
one by one. What is done again and again in the same memory is recorded once, and from then on
launched as a whole. The kernels are the same, and so are the numbers.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator

import torch

from workers.training.network import Network
from workers.training.optimizers import Plan
from workers.training.step import Stepper
from workers.training.tensors import OrderBlock


def records(device: torch.device, network: Network) -> bool:
    """Whether it can be recorded: what draws random numbers asks its generators anew each time."""
    return device.type == "cuda" and not any(kernel.draws for kernel in network.kernels)


class Recording:
    """Work that computes in the same memory each time, and leaves its results there. The first time
    it is done as it is: that loads kernels and makes buffers."""

    def __init__(self) -> None:
        self._is_warm = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self, work: Callable[[], object]) -> None:
        """Does the work, which must be the same each time. Does not wait for it."""
        if not self._is_warm:
            self._is_warm = True
            work()
            return
        if self._graph is None:
            self._graph = _recorded(work)
        self._graph.replay()


def _recorded(work: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """Without garbage collection: an old graph that is freed meanwhile would end the recording."""
    graph, collects = torch.cuda.CUDAGraph(), gc.isenabled()
    gc.disable()
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    finally:
        if collects:
            gc.enable()
    return graph


class _RecordedBlock:
    """Steps of the same batch sizes: their order and rates are copied to where the recording reads
    them."""

    def __init__(self, order: OrderBlock, plan: Plan) -> None:
        rows, stacked = torch.empty_like(order.rows), torch.empty_like(plan.stacked)
        self._order = OrderBlock(rows=rows, real=order.real, last_rows=order.last_rows)
        self._plan = Plan(table=plan.table, stacked=stacked)
        self._recording = Recording()

    def run(self, stepper: Stepper, order: OrderBlock, plan: Plan) -> None:
        self._order.rows.copy_(order.rows)
        self._plan.stacked.copy_(plan.stacked)
        self._recording.run(lambda: deque(_steps(stepper, self._order, self._plan), maxlen=0))


class StepBlocks:
    """The steps of a chunk, a block of them at a time."""

    def __init__(self, stepper: Stepper, *, records: bool) -> None:
        self._stepper, self.records = stepper, records
        self._recorded: dict[tuple[int, ...], _RecordedBlock] = {}

    def run(self, order: OrderBlock, plan: Plan) -> Iterator[None]:
        """Yields after each step, or after the block where it is launched as a whole."""
        if not self.records:
            yield from _steps(self._stepper, order, plan)
        else:
            if order.real not in self._recorded:
                self._recorded[order.real] = _RecordedBlock(order, plan)
            self._recorded[order.real].run(self._stepper, order, plan)
            yield None
        self._stepper.advance(len(order.real))


def _steps(stepper: Stepper, order: OrderBlock, plan: Plan) -> Iterator[None]:
    steps = zip(order.by_step(), order.real, plan.by_step(), strict=True)
    for s, (rows, real, rates) in enumerate(steps):
        stepper.step(s, rows, real, rates)
        yield None
