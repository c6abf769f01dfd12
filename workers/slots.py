"""Room for one cohort at a time, with a training process that stays warm between cohorts."""

import threading

import structlog

from service.settings import Settings
from workers.device import Placement
from workers.lifecycle import TrainingProcess

_log = structlog.get_logger(__name__)


class Slot:
    """One of a worker's training processes. Used by one thread at a time."""

    def __init__(self, settings: Settings, placement: Placement) -> None:
        options = {
            "threads": placement.threads,
            "memory-mb": settings.trainer_memory_mb,
            "checkpoint-s": settings.checkpoint_s,
            "largest-mb": settings.largest_weights_mb,
            "data-home": settings.data_home,
            "log-format": settings.log_format,
            "traces-url": settings.traces_url,
        }
        self.devices = placement.devices
        self._environment = settings.as_environment() | placement.environment
        self._options = [f"--{name}={value}" for name, value in options.items()]
        self._may_grow_bytes = settings.trainer_growth_mb * 2**20
        self._loaded = threading.Event()
        self._process: TrainingProcess | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a cohort would start without waiting for a process to load."""
        return self._loaded.is_set() and self._process is not None and self._process.is_alive

    def warm(self) -> TrainingProcess:
        """The training process, started if there is none."""
        if self._process is None or not self._process.is_alive:
            self._loaded = threading.Event()
            self._process = TrainingProcess(
                options=self._options,
                on_ready=self._loaded.set,
                environment=self._environment,
            )
        return self._process

    def settle(self, *, grace_s: float) -> None:
        """Makes sure that the process has left its cohort: by itself within the grace, or by
        being killed. One that was killed, or has grown too large, is to be replaced: see `warm`."""
        process = self._process
        if process is None:
            return
        if not process.wait_until_idle(grace_s):
            process.kill()
        elif process.growth_bytes > self._may_grow_bytes:
            _log.info("training process has grown", megabytes=process.growth_bytes >> 20)
            process.close()

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
