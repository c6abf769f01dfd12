"""The kernel's structures and entrances as ctypes sees them; mirrors kernel/interface.h."""

import ctypes
from ctypes import POINTER, c_double, c_int32, c_int64, c_void_p
from pathlib import Path


class Program(ctypes.Structure):
    """What all members of a cohort share."""

    _fields_ = (
        ("layers", c_int32),
        ("values", c_int32),
        ("widths", POINTER(c_int32)),
        ("padded", POINTER(c_int32)),
        ("activation", c_int32),
        ("loss", c_int32),
        ("optimizer", c_int32),
        ("moments", c_int32),
        ("rates", c_int32),
    )


class MemberRecord(ctypes.Structure):
    """One member: where its parameters lie, and its constants."""

    _fields_ = (
        ("weights", POINTER(c_void_p)),
        ("values", c_void_p),
        ("moments", POINTER(c_void_p)),
        ("activation", c_double * 4),
        ("convention", c_double),
        ("has_convention", c_int32),
        ("overwrites", c_int32),
        ("kinks", c_int32),
        ("kink_points", c_double * 2),
        ("loss", c_double * 4),
        ("optimizer", c_double * 8),
        ("clip_norm", c_double),
    )


class Steps(ctypes.Structure):
    """What some members do in one call."""

    _fields_ = (
        ("members", c_int64),
        ("rows", c_void_p),
        ("rows_apart", c_int64),
        ("count", c_int64),
        ("rates", c_void_p),
        ("rates_apart", c_int64),
        ("log", c_void_p),
        ("log_apart", c_int64),
        ("batch", c_int32),
    )


class PartRecord(ctypes.Structure):
    """A part of the data."""

    _fields_ = (
        ("x", c_void_p),
        ("panels", c_void_p),
        ("labels", c_void_p),
        ("targets", c_void_p),
        ("count", c_int64),
    )


class Found(ctypes.Structure):
    """Where a pass leaves what it found."""

    _fields_ = (
        ("sums", c_void_p),
        ("units", POINTER(c_void_p)),
        ("grams", POINTER(c_void_p)),
        ("gram_sizes", POINTER(c_int32)),
    )


class Library:
    """The kernel, loaded. Its calls run without Python's lock."""

    def __init__(self, path: Path, target: str) -> None:
        """`target`: the instruction set that it was compiled for."""
        self.target = target
        library = ctypes.CDLL(str(path))
        self.open = library.subgrad_open
        self.open.restype = c_void_p
        self.open.argtypes = (POINTER(Program), c_int32)
        self.close = library.subgrad_close
        self.close.restype = None
        self.close.argtypes = (c_void_p,)
        self.log_width = library.subgrad_log_width
        self.log_width.argtypes = (c_int32,)
        self.train = library.subgrad_train
        self.train.restype = None
        self.train.argtypes = (
            c_void_p,
            POINTER(MemberRecord),
            POINTER(PartRecord),
            POINTER(Steps),
        )
        self.evaluate = library.subgrad_evaluate
        self.evaluate.restype = None
        self.evaluate.argtypes = (
            c_void_p,
            POINTER(MemberRecord),
            c_int64,
            POINTER(PartRecord),
            c_int64,
            c_int64,
            POINTER(Found),
        )
