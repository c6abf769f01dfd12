"""The native back end: a C++ kernel that trains one member at a time on each core, with the
member's weights in the core's cache. Built once with the machine's compiler; without one, stacked
PyTorch trains everything."""

from workers.training.native.build import native_library
from workers.training.native.chunk import NativeKernel

__all__ = ["NativeKernel", "native_library"]
