"""Secrets out of files."""

from pathlib import Path

import pytest

from service.settings import SECRETS, Settings


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_stand_in_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("sqlite:///from-a-file\n", encoding="utf-8")
    monkeypatch.setenv(f"SUBGRAD_{name}_FILE".upper(), str(file))
    assert getattr(Settings(), name) == "sqlite:///from-a-file"
    monkeypatch.setenv(f"SUBGRAD_{name}".upper(), "given")
    assert getattr(Settings(), name) == "given"


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBGRAD_API_KEY_FILE", "/nowhere/key")
    with pytest.raises(Exception, match="SUBGRAD_API_KEY_FILE: cannot read /nowhere/key"):
        Settings()


@pytest.mark.parametrize(
    "url",
    ["", "s3://bucket", "s3://bucket/a/prefix", "file:///var/lib/objects", "gcs://bucket/x/"],
)
def test_places_of_objects_are_taken(url: str) -> None:
    assert Settings(artifacts_url=url).artifacts_url == url


@pytest.mark.parametrize(
    "url",
    ["bucket", "/var/lib", "s3://", "file:///", "s3://key:secret@bucket", "simplecache::s3://b"],
)
def test_what_is_no_place_of_objects_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no place of objects"):
        Settings(artifacts_url=url)
