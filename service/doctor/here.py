"""An examination from inside: of the installation that this machine's settings name."""

import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

import service
from service.artifacts import Store
from service.db import Database, checkup, gauges, reports, workers
from service.db.checkup import Schema
from service.db.reports import Report
from service.doctor.finding import (
    Finding,
    compare_clocks,
    compare_versions,
    failed,
    ok,
    unknown,
    warning,
)
from service.domain.artifacts import Artifact
from service.domain.errors import ArtifactError
from service.queue import broker_is_reachable
from service.settings import Settings

_STORE_ADVICE = (
    "Mend SUBGRAD_ARTIFACTS_URL or the store's own variables (AWS_ACCESS_KEY_ID, "
    "AWS_ENDPOINT_URL_S3, …). s3:// needs the extra `s3` and the rights PutObject, GetObject, "
    "DeleteObject and, so that what is missing is told apart, ListBucket."
)
_START = "Bring the service up: `subgrad up`, or `docker compose up`."
_LITTLE_BYTES = 2 << 30
_TOO_LITTLE_BYTES = 256 << 20
_LONG_WAIT_S = 60.0


def examine_here(settings: Settings) -> Iterator[Finding]:
    """Database, dispatch, workers, queue, devices, clock, broker, object store, API, compiler and
    disk, in this order."""
    database = _open(settings)
    if isinstance(database, Finding):
        yield database
    else:
        try:
            yield from _examine_database(settings, database)
        finally:
            database.dispose()
    yield _examine_broker(settings)
    if settings.artifacts_url:
        yield _examine_store(settings)
    yield _examine_api(settings)
    yield _examine_compiler()
    yield _examine_disk(settings)


def _open(settings: Settings) -> Database | Finding:
    file = settings.resolved_home / "subgrad.sqlite3"
    if not settings.database_url and not file.exists():
        return failed("database", f"there is none yet at {file}", _START)
    try:
        database = Database(settings.resolved_database_url)
    except (ValueError, OSError) as error:
        return failed("database", str(error), "Mend SUBGRAD_DATABASE_URL.")
    reason = checkup.why_unreachable(database)
    if reason is None:
        return database
    database.dispose()
    return failed(
        "database", f"does not answer: {reason}", "Start it, or mend SUBGRAD_DATABASE_URL."
    )


def _examine_database(settings: Settings, database: Database) -> Iterator[Finding]:
    schema = checkup.read_schema(database)
    migrate = "Bring it up to date: python -m service.db.migrate."
    match schema.state:
        case Schema.NEWEST:
            yield ok("database", f"answers, schema {schema.present}")
        case Schema.NEWER:
            detail = f"schema {schema.present} is of a newer version than this program"
            yield warning("database", detail, "Upgrade this program: docs/upgrading.md.")
        case Schema.NONE:
            yield failed("database", "answers, and has none of our tables", migrate)
        case Schema.OLDER:
            detail = f"schema {schema.present} is older than this program's, {schema.newest}"
            yield failed("database", detail, migrate)
    if schema.state not in (Schema.NEWEST, Schema.NEWER):
        return
    reason = checkup.why_not_writable(database)
    if reason is None:
        yield ok("writing", "the database takes rows")
    else:
        advice = "Give its user the rights, make room on its disk, or name the primary server."
        yield failed("writing", f"the database takes no row: {reason}", advice)
    yield from _examine_processes(settings, database)
    before = time.time()
    with database.reading() as session:
        at = checkup.read_clock(session)
    middle = (before + time.time()) / 2
    yield compare_clocks(middle - at.timestamp(), "the database's")


def _examine_processes(settings: Settings, database: Database) -> Iterator[Finding]:
    with database.reading() as session:
        heard = [one for one in reports.read(session) if one.silent_s <= settings.lease_s]
        ready = workers.any_ready(session, within_s=settings.lease_s)
        gpus = workers.live_gpus(session, within_s=settings.lease_s)
        load = gauges.read_load(session)
    of_kind = {kind: [one for one in heard if one.process.kind == kind] for kind in _NOBODY}
    for kind, (without, advice) in _NOBODY.items():
        yield _examine_kind(kind, of_kind[kind], without, advice, settings.lease_s)
    if of_kind["worker"] and not ready:
        yield warning(
            "worker",
            "none can take a job at the moment",
            "A worker that has just started is ready within seconds; else read its log.",
        )
    if load.queue_age_s > _LONG_WAIT_S:
        yield warning(
            "queue",
            f"the oldest waiting job waits for {load.queue_age_s:,.0f} s",
            "Start more workers, or one with a GPU where jobs ask for it.",
        )
    yield _examine_devices(gpus)


_NOBODY = {
    "dispatch": ("no job is announced", "Start it: python -m service.dispatch."),
    "worker": ("no job is trained", "Start one: python -m workers."),
}


def _examine_kind(
    kind: str, heard: list[Report], without: str, advice: str, lease_s: float
) -> Finding:
    if not heard:
        return failed(kind, f"none was heard of for {lease_s:g} s: {without}", advice)
    versions = {one.process.version for one in heard}
    mixed = compare_versions(kind, versions, service.__version__, f"{len(heard)} live, of")
    hosts = ", ".join(sorted({one.process.host for one in heard})[:5])
    return mixed or ok(kind, f"{len(heard)} heard of lately, on {hosts}")


def _examine_devices(used: int) -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ok("devices", f"no GPU here; workers have {used}")
    try:
        told = subprocess.run(
            [program, "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return failed(
            "devices",
            f"nvidia-smi does not answer: {error}",
            "Mend the driver (after an update: restart the machine), or set SUBGRAD_GPUS=none.",
        )
    present = sum(line.startswith("GPU-") for line in told.splitlines())
    if present and not used:
        return warning(
            "devices",
            f"{present} GPU here, and no live worker has one",
            "Start the worker anew, without SUBGRAD_GPUS=none; in Docker with --profile gpu.",
        )
    return ok("devices", f"{present} GPU here; workers have {used}")


def _examine_broker(settings: Settings) -> Finding:
    if broker_is_reachable(settings):
        return ok("broker", "answers")
    if settings.uses_embedded_broker:
        return failed("broker", f"nothing answers at {settings.broker_socket}", _START)
    return failed("broker", "does not answer", "Start it, or mend SUBGRAD_BROKER_URL.")


def _examine_store(settings: Settings) -> Finding:
    store, content = Store(settings.artifacts_url), secrets.token_bytes(32)
    probe = Artifact.of(store.new_url("doctor"), content)
    try:
        store.write({probe.url: content})
        store.read(probe)
    except ArtifactError as error:
        return failed("objects", str(error), _STORE_ADVICE)
    if not store.remove([probe.url]):
        told = f"{settings.artifacts_url} takes objects and does not remove them"
        return failed("objects", told, _STORE_ADVICE)
    return ok("objects", f"{settings.artifacts_url} takes, gives and removes objects")


def _examine_api(settings: Settings) -> Finding:
    url = settings.local_url
    try:
        httpx.get(f"{url}/healthz", timeout=5).raise_for_status()
    except httpx.HTTPError as error:
        told = f"nobody answers at {url} ({error})"
        return warning("api", told, "Start it here: python -m service.api; elsewhere: --url.")
    return ok("api", f"answers at {url}")


def _examine_compiler() -> Finding:
    if any(map(shutil.which, ("c++", "g++", "clang++"))):
        return ok("compiler", "there is one for the native kernel")
    return unknown(
        "compiler",
        "there is none here; a worker without a compiled kernel trains by PyTorch, more slowly",
        "apt-get install g++, or run the worker's image, which holds the kernel.",
    )


def _examine_disk(settings: Settings) -> Finding:
    place = next(
        one
        for one in (settings.resolved_home, *settings.resolved_home.parents)
        if Path(one).exists()
    )
    free = shutil.disk_usage(place).free
    told = f"{free / (1 << 30):,.1f} GiB free at {place}"
    advice = "Make room (`subgrad prune` removes old jobs), or move the data: SUBGRAD_HOME."
    if settings.database_url:
        # Then only copies of data sets lie there; where the database writes cannot be seen here.
        told += "; the database's own disk is not looked at"
        advice = "Make room: copies of data sets, which may be deleted, lie there."
    elif free < _TOO_LITTLE_BYTES:
        full = "Remove what else lies there first: with no room left not even `prune` can write. "
        advice = full + advice
    if free < _TOO_LITTLE_BYTES:
        return failed("disk", told, advice)
    is_little = free < _LITTLE_BYTES and not settings.database_url
    return warning("disk", told, advice) if is_little else ok("disk", told)
