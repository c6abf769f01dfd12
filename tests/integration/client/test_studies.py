"""Studies from the command line and from both clients."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.client import AsyncSubgrad, InvalidRequest, NotFound, Subgrad
from service.domain.states import JobStatus
from tests.integration.client.commands import CommandLine, is_readable

OPTIONS = {"seeds": 2, "betas": [1, 10], "hidden": [4], "epochs": 1}
SETTINGS = [f"--set={name}={json.dumps(value)}" for name, value in OPTIONS.items()][1:]


@pytest.fixture
def subgrad(url: str) -> CommandLine:
    return CommandLine(url)


def test_a_study_is_run_listed_shown_and_reported(subgrad: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    ran = subgrad("study", "run", "softplus-limit", "--seeds=2", *SETTINGS, f"--output={page}")
    assert ran.code == 0, ran.errors
    assert "softplus-limit: " in ran.out
    assert "after Holm" in ran.out
    assert page.read_text().startswith("<!doctype html>")
    (newest, *_) = subgrad("study", "ls", "--json", "--template=softplus-limit").json
    assert newest["options"]["seeds"] == 2
    assert newest["id"] in ran.out
    listed = subgrad("study", "ls")
    assert newest["id"] in listed.out
    assert is_readable(listed.out)
    assert newest["claim"][:30] in subgrad("study", "show", newest["id"]).out
    report = subgrad("study", "report", newest["id"])
    assert report.out.startswith("# softplus-limit: ")
    assert "/jobs/job_" in report.out
    assert subgrad("study", "report", newest["id"], "--json").json["study"]["id"] == newest["id"]
    assert subgrad("study", "cancel", newest["id"]).code == 4, "it has ended"
    jobs = subgrad("ls", "--study", newest["id"], "--json").json
    assert jobs
    assert {job["study_id"] for job in jobs} == {newest["id"]}
    sweeps = subgrad("sweeps", "--study", newest["id"], "--json").json
    assert {sweep["id"] for sweep in sweeps} == {job["sweep_id"] for job in jobs}


def test_all_studies_are_run_into_one_report(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of two: each of the ten is run by tests of its own."""
    with Subgrad(url) as client:
        known = client.studies.templates()
    named = ("softplus-limit", "sparsity")
    two = known.model_copy(
        update={"templates": [one for one in known.templates if one.name in named]}
    )
    monkeypatch.setattr(type(client.studies), "templates", lambda self: two)
    page = tmp_path / "findings.md"
    ran = CliRunner().invoke(
        app, ["study", "run", "all", "--seeds=2", f"--url={url}", f"--output={page}"]
    )
    assert ran.exit_code == 0, ran.output
    text, drawn = page.read_text(), page.with_suffix(".html").read_text()
    assert text.startswith("# Findings\n\nMade by `subgrad study run all --scale quick`, from ")
    assert "\n## Where the folklore did not hold\n" in text
    assert drawn.startswith("<!doctype html>")
    with Subgrad(url) as client:
        ids = [next(client.studies.list(template=name)).id for name in named]
    for name, study_id in zip(named, ids, strict=True):
        assert f"\n## {name}: " in text
        assert f"`subgrad study report {study_id}` lists the jobs" in text
        assert f'<article id="{study_id}">' in drawn
    assert "<svg" in drawn


def test_templates_are_listed(subgrad: CommandLine) -> None:
    assert "mse-versus-mae\n" in subgrad("study", "templates").out
    names = [one["name"] for one in subgrad("study", "templates", "--json").json["templates"]]
    assert "vanishing-gradient" in names


def test_what_cannot_be_studied_is_told_with_its_field(subgrad: CommandLine) -> None:
    single = subgrad("study", "run", "softplus-limit", "--seeds=1")
    assert single.code == 4
    assert "/overrides/seeds" in single.errors
    assert "no template" in subgrad("study", "run", "alchemy").errors
    assert subgrad("study", "run", "softplus-limit", "--set", "seeds").code == 2


def test_the_client_runs_a_study(client: Subgrad) -> None:
    study = client.studies.create("softplus-limit", overrides=OPTIONS)
    with pytest.raises(NotFound):
        client.studies.report(study.id)
    ended = client.studies.wait(study.id, timeout_s=120)
    assert ended.status is JobStatus.SUCCEEDED
    report = client.studies.report(study.id)
    assert report.study == ended
    assert client.studies.export(study.id).decode().startswith(f"# {report.title}")
    assert next(client.studies.list()).id == study.id
    with pytest.raises(InvalidRequest, match="template"):
        client.studies.create("alchemy")


def test_the_async_client_does_the_same(url: str) -> None:
    async def run() -> JobStatus:
        async with AsyncSubgrad(url) as client:
            study = await client.studies.create("softplus-limit", overrides=OPTIONS)
            cancelled = await client.studies.cancel(study.id)
            return (await client.studies.wait(cancelled.id)).status

    assert asyncio.run(run()) is JobStatus.CANCELLED
