"""What a threat model rules out once and for all: see docs/security.md."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.domain.spec import JobSpec
from tests.architecture.tree import imported, modules, parse
from tests.specs import SMALL

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


# What may touch files at all, by the beginning of the path, and why no user's text leads there.
TOUCHES_FILES = {
    "service/cli/": "runs as the user themselves",
    "service/client/dataset_calls.py": "runs as the user themselves",
    "service/embedded/": "the home folder of the settings",
    "service/settings.py": "what the environment names",
    "service/pulse.py": "names of processes, the home folder",
    "service/doctor/": "the home folder of the settings",
    "service/db/engine.py": "the URL of the settings",
    "service/db/migrate.py": "our own package",
    "service/api/pages.py": "our own package",
    "service/api/processes.py": "a folder of its own, for what processes count together",
    "service/api/siblings.py": "what they counted there",
    "service/exports/": "the command line's, by whom it runs",
    "workers/uploads.py": "ids that are digests",
    "workers/training/uploads.py": "ids that are digests",
    "workers/training/native/": "our own package",
    "workers/training/environment.py": "our own package",
    "workers/training/__main__.py": "runs as the user themselves",
    "workers/training/data.py": "the folder of the settings",
    "workers/training/engine.py": "the folder of the settings",
    "workers/training/openml.py": "names that are checked, see the test below",
    "service/artifacts/store.py": "the place of the settings, and ids that were made here",
    "workers/device.py": "whether there is an nvidia-smi",
    "workers/trainer.py": "the folder of the settings",
    "workers/memory.py": "the kernel's own",
    "workers/silence.py": "the kernel's own",
}

FILE_MODULES = {"pathlib", "shutil", "tempfile", "glob", "fileinput"}
FILE_CALLS = {"open", "fdopen", "rename", "replace", "unlink", "remove", "mkdir", "rmtree"}


def touches_files(module: Path) -> bool:
    if set(imported(module)) & FILE_MODULES:
        return True
    for node in ast.walk(parse(module)):
        match node:
            case ast.Call(func=ast.Name(id="open")):
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)):
                if name in FILE_CALLS:
                    return True
    return False


def test_only_what_no_user_reaches_touches_files() -> None:
    strays = [
        str(module)
        for module in CODE
        if touches_files(module) and not str(module).startswith(tuple(TOUCHES_FILES))
    ]
    assert strays == []


OUTSIDE = ["../../etc/passwd", "/etc/passwd", "..", "a/../b", "a\\b", "%2e%2e%2f", ".hidden"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_in_a_spec_leads_out_of_its_folder(name: str) -> None:
    for dataset in (
        {"name": "openml", "openml_name": name, "version": 1, "examples": 9, "features": 1},
        {"name": "upload", "dataset_id": name, "examples": 9, "features": 1},
    ):
        with pytest.raises(ValidationError):
            JobSpec.model_validate(SMALL | {"dataset": dataset})
