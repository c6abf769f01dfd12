"""Libraries that not everybody needs."""

import importlib
from typing import Any


class ExtraMissing(Exception):
    """An optional library is not installed here."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"This needs {library}, which is not installed: pip install 'subgrad[{extra}]'"
        )


def load(module: str, *, library: str, extra: str) -> Any:
    """The module, imported only now because it is slow to import. Raises ExtraMissing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise ExtraMissing(library, extra) from None
