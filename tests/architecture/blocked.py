"""Runs something as on a machine where some packages are not installed.

`python -m tests.architecture.blocked torch,numpy import PACKAGE` imports the package with all its
modules; `… pytest ARGUMENTS` runs tests.
"""

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest


class Absent:
    """A finder that comes first and denies that the packages exist."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.split(".", maxsplit=1)[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked)", name=name)
        return None


def import_all(package: str) -> None:
    """Imports the package and every module in it, but for those that run when imported."""
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def main(absent: str, action: str, *arguments: str) -> int:
    packages = absent.split(",")
    assert not {name.split(".")[0] for name in sys.modules} & set(packages)
    sys.meta_path.insert(0, Absent(packages))
    if action == "pytest":
        return int(pytest.main(["-q", "-p", "no:cacheprovider", *arguments]))
    import_all(*arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
