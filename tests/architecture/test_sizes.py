"""Files and functions that fit the head."""

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, modules, parse

MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 65

CODE = modules("service", "workers")


@pytest.mark.parametrize("module", CODE, ids=str)
def test_a_file_is_not_too_long(module: Path) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("module", CODE, ids=str)
def test_no_function_is_too_long(module: Path) -> None:
    long = [
        f"{node.name}: {lines} lines"
        for node in ast.walk(parse(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "helper", "common", "manager"])
def test_no_file_is_named_after_nothing(name: str) -> None:
    assert [str(module) for module in CODE if name in (module.stem, module.parent.name)] == []
