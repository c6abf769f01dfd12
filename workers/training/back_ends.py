"""Which back end trains a spec: decided by the spec, the device and the installation alone, never
by the load, and written into the job's environment."""

import torch

from service.domain.spec import JobSpec
from workers.training.chunk import BackEnd
from workers.training.native import NativeKernel, native_library
from workers.training.native.program import can_train
from workers.training.stacked import StackedTorch


def choose_back_end(spec: JobSpec, device: torch.device) -> BackEnd:
    """The native kernel where it knows all of the spec and could be built, else stacked
    PyTorch."""
    if device.type == "cpu" and can_train(spec):
        library = native_library()
        if library is not None:
            return NativeKernel(library)
    return StackedTorch()
