"""An examination from outside: of a service elsewhere, as far as its HTTP API shows it."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import service
from service.client import Refused, Subgrad, Unreachable
from service.doctor.finding import (
    Finding,
    compare_clocks,
    compare_versions,
    failed,
    ok,
    unknown,
)

_PARTS = {
    "database": "answers",
    "broker": "answers",
    "worker": "one that can take jobs was heard of lately",
}


def examine_there(client: Subgrad) -> Iterator[Finding]:
    """The service, its version, database, broker, workers and clock, and whether it lets us in."""
    before = time.time()
    try:
        vital = client.vital_signs()
    except Unreachable as error:
        yield failed("service", str(error), "Start it, or name another by --url or SUBGRAD_URL.")
        return
    middle = (before + time.time()) / 2
    yield ok("service", f"answers at {client.base_url}")
    described = client.openapi()["info"]["version"]
    yield compare_versions("version", {described}, service.__version__, "the service is") or ok(
        "version", f"{described}, as this program"
    )
    missing = {one.pointer.strip("/"): one.detail for one in client.health().missing}
    for part, well in _PARTS.items():
        if part in missing:
            yield failed(part, missing[part], _ADVICE[part])
        elif part != "database" and "database" in missing:
            yield unknown(part, "the service cannot tell without its database")
        else:
            yield ok(part, well)
    yield _examine_access(client)
    if vital is None:
        yield unknown("clock", "the service sends no Date")
    else:
        # Its Date is cut to the second: on the average half a second early.
        told = parsedate_to_datetime(vital).timestamp() + 0.5
        yield compare_clocks(middle - told, "the service's")
    yield unknown("disk", "not seen from outside", "Run `subgrad doctor` on its machine.")


_ADVICE = {
    "database": "Start it, or mend the service's SUBGRAD_DATABASE_URL.",
    "broker": "Start it, or mend the service's SUBGRAD_BROKER_URL.",
    "worker": "Start one: python -m workers, or docker compose up worker.",
}


def _examine_access(client: Subgrad) -> Finding:
    try:
        caller = client.who_am_i()
    except Refused as refused:
        advice = "Name a key by --api-key or SUBGRAD_API_KEY: `subgrad keys create NAME` there."
        return failed("access", str(refused), advice)
    scopes = ", ".join(caller["scopes"])
    return ok("access", f"as {caller['owner']}, may {scopes}")
