"""What the repository says about itself: the lock file, the README's tree and settings."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from service.domain.limits import Limits
from service.settings import Settings
from tests.architecture.tree import ROOT, tracked

PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z,]+\])?==[0-9][A-Za-z0-9.!+]*( *;.*)?")


def lines_of(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def test_every_requirement_is_pinned() -> None:
    wanted = [line for line in lines_of("requirements.lock") if line and not line.startswith("#")]
    assert wanted
    assert [line for line in wanted if not PINNED.fullmatch(line)] == []


def test_the_lock_file_names_torch_without_a_build() -> None:
    assert "torch==2.13.0" in lines_of("requirements.lock")


def test_no_package_registry_is_named() -> None:
    # Put together here, so that this file names none either.
    hosts = [
        f"{name}.org"
        for name in ("py" + "pi", "python" + "hosted", "download.py" + "torch", "npm" + "js")
    ]
    named = [
        f"{path}: {host}"
        for path in tracked()
        for host in hosts
        if host.encode() in (ROOT / path).read_bytes()
    ]
    assert named == []


def fields_of(model: type[BaseModel], prefix: str = "SUBGRAD_") -> dict[str, FieldInfo]:
    """Every variable that the settings read, with its field."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        if field.annotation is Limits:
            found |= fields_of(Limits, f"{prefix}{name.upper()}__")
        else:
            found[f"{prefix}{name.upper()}"] = field
    return found


def documented() -> dict[str, tuple[str, str]]:
    """Default and meaning by name, from the rows of the README's table of settings."""
    row = re.compile(r"\| *`(SUBGRAD_[A-Z0-9_]+)` *\|([^|]*)\|([^|]*)\|")
    matches = (row.fullmatch(line.strip()) for line in lines_of("README.md"))
    return {m[1]: (m[2].strip(), m[3].strip()) for m in matches if m}


def test_the_readme_lists_every_setting_and_no_other() -> None:
    assert set(documented()) == set(fields_of(Settings))


@pytest.mark.parametrize("name", fields_of(Settings))
def test_the_documented_default_is_the_true_one(name: str) -> None:
    shown, meaning = documented()[name]
    default = fields_of(Settings)[name].default
    assert meaning
    if default == "":  # what then happens is told in words
        assert not shown.startswith("`")
    elif isinstance(default, int | float):
        assert float(re.sub(r"[`_,]", "", shown)) == default
    else:
        assert shown.strip("`").removeprefix("./") == str(default)


def tree() -> list[str]:
    """The paths that the README's tree names: the fenced block with a line for `service/`."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    (block,) = [block for block in blocks if re.search(r"^\W*service/", block, re.M)]
    paths: list[str] = []
    above: list[tuple[int, str]] = []
    for line in block.splitlines():
        indent = len(line) - len(line.lstrip(" │├└─"))
        names = _names(line[indent:])
        if not names:
            continue
        above = [one for one in above if one[0] < indent]
        parent = above[-1][1] if above else ""
        paths += [parent + name for name in names]
        if names[0].endswith("/"):
            above.append((indent, parent + names[0]))
    return paths


def _names(line: str) -> list[str]:
    """The names at the beginning of a line, before its words."""
    names: list[str] = []
    for token in line.split():
        is_path = token.endswith("/") or re.fullmatch(r"[\w.-]*\.[a-z]{2,5}", token)
        if names and not is_path and token not in ("Makefile", "Dockerfile"):
            break
        names.append(token.rstrip(","))
    return names


def test_everything_in_the_readmes_tree_is_there() -> None:
    assert [path for path in tree() if not (ROOT / path).exists()] == []


def test_the_readmes_tree_names_every_top_level_folder() -> None:
    folders = {f"{path.parts[0]}/" for path in tracked() if len(path.parts) > 1}
    assert {folder for folder in folders if not folder.startswith(".")} - set(tree()) == set()


@pytest.mark.parametrize("folder", ["service", "workers"])
def test_the_readmes_tree_names_every_room_of(folder: str) -> None:
    rooms = {
        f"{path.relative_to(ROOT)}{'/' if path.is_dir() else ''}"
        for path in sorted(Path(ROOT / folder).iterdir())
        if not path.name.startswith(("_", ".")) and (path.suffix == ".py" or path.is_dir())
    }
    assert rooms - set(tree()) == set()
