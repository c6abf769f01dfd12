"""What a worker looks up to show it: the memory in use on its GPUs."""

import threading
from collections.abc import Sequence

from service.observability.meters import Meters
from workers.device import memory_in_use

_LOOK_EVERY_S = 10.0


class GpuGauge:
    """Looks now and then, on a thread of its own: nvidia-smi takes its time, and leases do not
    wait."""

    def __init__(self, meters: Meters, gpus: Sequence[str]) -> None:
        self._meters, self._gpus = meters, gpus
        self._stop = threading.Event()

    def start(self) -> None:
        """Does nothing where there is no GPU."""
        if self._gpus:
            threading.Thread(target=self._run, name="gpu memory", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while True:
            self._meters.show_gpu_memory(memory_in_use(self._gpus))
            if self._stop.wait(_LOOK_EVERY_S):
                return
