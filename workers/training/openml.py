"""Data sets of openml.org: fetched by scikit-learn, kept in a folder, held against what the spec
declares.

Legend: N examples, F features.
"""

import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
from numpy.typing import NDArray

from service.domain.datasets import Declared, OpenMl
from service.domain.errors import InvalidData

Array = NDArray[Any]
Examples = tuple[Array, Array]
"""Features [N, F] in float64; labels [N] in int64, or targets [N, 1] in float64."""

_RETRIES = 1
_SILENCE_S = 30.0
"""A server that sends nothing for so long does not answer."""


def fetch_openml(dataset: OpenMl, data_home: Path | None) -> Examples:
    """The data set as OpenML has it. What was fetched once is read from `data_home` from then on,
    without any network; without a folder it is fetched each time and kept nowhere.

    Raises InvalidData where it cannot be had, or is not what the spec declares.
    """
    bunch = _fetch(dataset, data_home)
    subject = _subject(dataset)
    named = sorted(set(bunch.categories or ()) & set(bunch.feature_names))
    if named:
        raise InvalidData(
            f"{subject} has features that are no numbers: {_some(named)}. Only numeric features "
            "can be trained on."
        )
    features = bunch.data if isinstance(bunch.data, np.ndarray) else bunch.data.toarray()
    features = np.asarray(features, np.float64)
    if bunch.target is None or bunch.target.ndim != 1:
        count = 0 if bunch.target is None else bunch.target.shape[1]
        raise InvalidData(f"{subject} has {count} target columns, and exactly one is needed.")
    is_labelled = bunch.target.dtype == object
    targets = (
        _number(bunch.target) if is_labelled else np.asarray(bunch.target, np.float64)[:, None]
    )
    classes = int(targets.max()) + 1 if is_labelled and len(targets) else None
    agree(dataset, subject, features, classes)
    missing = np.count_nonzero(~np.isfinite(features))
    if missing:
        raise InvalidData(f"{subject} has {missing:,} missing values; nothing may be missing.")
    if not np.isfinite(targets).all():
        raise InvalidData(f"{subject} has targets that are missing; nothing may be missing.")
    return features, targets


def agree(dataset: Declared, subject: str, features: Array, classes: int | None) -> None:
    """Raises InvalidData with the true sizes where the spec declares others."""
    found = {"examples": len(features), "features": features.shape[1], "classes": classes}
    wrong = [
        f"{name} {_tell(getattr(dataset, name))}"
        for name, value in found.items()
        if getattr(dataset, name) != value
    ]
    if wrong:
        true = ", ".join(f"{name} {_tell(value)}" for name, value in found.items())
        raise InvalidData(f"{subject} has {true}; the spec declares {', '.join(wrong)}.")


def _tell(value: int | None) -> str:
    return "null" if value is None else str(value)


def _fetch(dataset: OpenMl, data_home: Path | None) -> Any:
    from sklearn import datasets  # noqa: PLC0415  (slow to import, and only needed here)

    subject = _subject(dataset)
    try:
        with _patience():
            return datasets.fetch_openml(
                dataset.openml_name,
                version=dataset.version,
                data_home=data_home,
                cache=data_home is not None,
                as_frame=False,
                parser="liac-arff",
                n_retries=_RETRIES,
                delay=0.5,
            )
    except HTTPError as error:
        with error:
            raise InvalidData(
                f"openml.org answered {error.code} when asked for {subject}."
            ) from None
    except (OSError, HTTPException) as error:
        raise InvalidData(
            f"{subject} is not kept here yet, and openml.org cannot be reached from the worker "
            f"({error}). Submit the job again where there is a network."
        ) from error
    except MemoryError:
        raise
    # The parser's errors have no base of their own: whatever it was, it was in the file.
    except Exception as error:
        raise InvalidData(f"{subject} cannot be used: {str(error)[:300]}") from error


@contextmanager
def _patience() -> Iterator[None]:
    """No endless wait for a silent server, and no warnings: what matters becomes an error."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        socket.setdefaulttimeout(before)


def _subject(dataset: OpenMl) -> str:
    return f"OpenML's {dataset.openml_name} version {dataset.version}"


def _number(names: Array) -> Array:
    """Labels 0, 1, … in the order of the classes' names: as numbers where all of them are, else as
    text. Names that no example has do not count."""
    present, place = np.unique(names.astype(str), return_inverse=True)
    try:
        order = np.argsort([float(name) for name in present], kind="stable")
    except ValueError:
        return place.astype(np.int64)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[place]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
