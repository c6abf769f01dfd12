"""What a threat model rules out once and for all: see docs/security.md."""

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import imported, modules, parse

CODE = modules("service", "workers", "migrations")

UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


@pytest.mark.parametrize("module", CODE, ids=str)
def test_nothing_unpickles(module: Path) -> None:
    assert set(imported(module)) & UNPICKLING == set()
    for node in ast.walk(parse(module)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save")):
                pytest.fail(f"{module}:{node.lineno}: torch.load and torch.save pickle")
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                pytest.fail(f"{module}:{node.value.lineno}: allow_pickle")


SQL = {"text", "exec_driver_sql", "execute", "literal_column"}


@pytest.mark.parametrize("module", modules("service", "workers"), ids=str)
def test_values_reach_sql_as_parameters_alone(module: Path) -> None:
    """No text that is put together becomes a statement."""
    for node in ast.walk(parse(module)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
        is_made = isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
        assert not (name in SQL and is_made), f"{module}:{node.lineno}"
