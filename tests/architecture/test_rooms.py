"""Each library has its room, and only the settings read the environment."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, imported, modules, parse

CODE = modules("service", "workers", "migrations")

# Who may import what, by the beginning of the path. A single file comes with its reason.
ROOMS = {
    "sqlalchemy": [
        "service/db/",
        "migrations/",
    ],
    "alembic": ["service/db/migrate.py", "migrations/"],
    "psycopg": [],
    "torch": [
        "workers/training/",
        # The training process, which is nothing but a shell around workers.training.
        "workers/trainer.py",
    ],
    "sklearn": ["workers/training/"],
    "scipy": ["workers/training/", "service/studies/statistics.py"],
    "statsmodels": ["service/studies/statistics.py"],
    "numpy": ["workers/training/"],
    "fastapi": ["service/api/"],
    "starlette": ["service/api/"],
    "pyarrow": ["service/api/tabular.py", "service/uploads/parquet_file.py"],
    "fsspec": ["service/artifacts/"],
    # Found by fsspec, by the URL.
    "s3fs": [],
    "tensorboardX": [],
    "mlflow": [],
    "celery": ["service/queue.py", "workers/app.py", "workers/prefetch.py", "workers/tasks.py"],
    "kombu": ["service/queue.py", "workers/app.py", "workers/tasks.py"],
    "typer": ["service/cli/"],
}


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_stays_in_its_room(library: str) -> None:
    rooms = tuple(ROOMS[library])
    strays = [
        str(module)
        for module in CODE
        if library in imported(module) and not str(module).startswith(rooms)
    ]
    assert strays == []


@pytest.mark.parametrize("library", ROOMS)
def test_every_room_is_there(library: str) -> None:
    assert [room for room in ROOMS[library] if not (ROOT / room).exists()] == []


# service/settings.py alone, so that the README's table of settings is the whole truth.
READERS_OF_THE_ENVIRONMENT = {Path("service/settings.py")}


def reads_environment(module: Path) -> bool:
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    for node in ast.walk(parse(module)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in names:
                return True
            case ast.ImportFrom(module="os", names=aliases):
                if names & {alias.name for alias in aliases}:
                    return True
    return False


def test_only_the_settings_read_the_environment() -> None:
    assert {module for module in CODE if reads_environment(module)} <= READERS_OF_THE_ENVIRONMENT


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run_without(packages: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.architecture.blocked", packages, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


TRAINING = "torch,sklearn,numpy,scipy,statsmodels,pandas"
SERVING = "fastapi,starlette,uvicorn,celery,kombu,redis,sqlalchemy,alembic,psycopg,httpx,typer"


def test_the_service_imports_where_nothing_can_train() -> None:
    run_without(TRAINING, "import", "service")


def test_the_services_unit_tests_pass_where_nothing_can_train() -> None:
    units = [path for path in sorted((ROOT / "tests/unit").iterdir()) if path.is_dir()]
    ours = [str(path) for path in units if (ROOT / "service" / path.name).is_dir()]
    assert len(ours) >= 2
    run_without(TRAINING, "pytest", *ours)


def test_training_imports_where_nothing_can_serve() -> None:
    run_without(SERVING, "import", "workers.training")
