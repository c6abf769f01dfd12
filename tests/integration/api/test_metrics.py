"""What Prometheus reads from a process of the API."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, event

from service.api import create_app
from service.api.middleware.gate import ADMIN_PATHS
from service.db import Database, reports
from service.db.reports import Process, Samples
from service.domain.states import JobStatus
from service.observability.meters import Meters
from service.settings import Settings
from tests.integration.api.conftest import serving
from tests.integration.api.owners import make_key, notice_keys, signed_in
from tests.integration.api.problems import problem
from tests.integration.db.record import finish, lapse, queue, rows, running
from tests.specs import SMALL

Labels = tuple[tuple[str, str], ...]


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    """One that has not looked at the ended jobs of this database yet."""
    for counted in app.state.scrape._counts:
        counted._of = None
    return app


def scrape(http: httpx.Client, **headers: str) -> dict[tuple[str, Labels], float]:
    """Each sample of /metrics by name and labels, as Prometheus's own parser reads it."""
    answer = http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def requests(http: httpx.Client, method: str, route: str, status: int) -> float:
    labels = (("method", method), ("route", route), ("status", str(status)))
    return scrape(http).get(("subgrad_http_requests_total", labels), 0.0)


def test_requests_are_counted_by_route_and_never_by_path(http: httpx.Client) -> None:
    before = requests(http, "GET", "/v1/jobs/{job_id}", 404)
    unknown = [f"/v1/jobs/job_{n:032x}" for n in range(3)]
    for path in [*unknown, "/made/up", "/v1/jobs/x?wait=0"]:
        assert http.get(path).status_code == 404
    text = http.get("/metrics").text
    assert "job_0" not in text
    assert "made" not in text
    assert requests(http, "GET", "/v1/jobs/{job_id}", 404) == before + 3
    assert requests(http, "GET", "/v1/jobs/{job_id}?wait", 404) >= 1
    assert requests(http, "GET", "other", 404) >= 1


@pytest.mark.parametrize(("method", "named"), [("HEAD", "HEAD"), ("PROPFIND", "other")])
def test_methods_that_nobody_uses_here_are_one(http: httpx.Client, method: str, named: str) -> None:
    status = http.request(method, "/v1/jobs").status_code
    assert requests(http, named, "/v1/jobs", status) >= 1
    assert "PROPFIND" not in http.get("/metrics").text


def test_each_request_is_in_one_bucket_of_its_route(http: httpx.Client) -> None:
    labels = (("method", "GET"), ("route", "/v1/sweeps"))
    before = scrape(http).get(("subgrad_http_request_seconds_count", labels), 0.0)
    http.get("/v1/sweeps")
    after = scrape(http)
    assert after["subgrad_http_request_seconds_count", labels] == before + 1
    assert after["subgrad_http_request_seconds_bucket", tuple(sorted([("le", "+Inf"), *labels]))]
    assert after["subgrad_http_request_seconds_sum", labels] > 0


def test_an_event_stream_counts_until_it_begins_and_is_open_meanwhile(
    http: httpx.Client, database: Database
) -> None:
    job_id = queue(database)
    labels = (("method", "GET"), ("route", "/v1/jobs/{job_id}/events"))
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        assert scrape(http)["subgrad_http_open_requests", ()] == 2  # the stream and the scrape
    assert ("subgrad_http_request_seconds_sum", labels) not in scrape(http) or (
        scrape(http)["subgrad_http_request_seconds_sum", labels] < 5
    )


def jobs_shown(found: dict[tuple[str, Labels], float]) -> dict[str, float]:
    return {
        dict(labels)["status"]: value
        for (name, labels), value in found.items()
        if name == "subgrad_jobs"
    }


def test_jobs_are_counted_by_state_everybodys(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    assert jobs_shown(scrape(http)) == dict.fromkeys(JobStatus, 0.0)
    for counted in app.state.scrape._counts:
        counted._of = None
    queue(database)
    queue(database)
    _, held = running(database)
    running(database)
    finish(database, held)
    shown = jobs_shown(scrape(http))
    assert shown == {"queued": 2, "running": 1, "succeeded": 1, "failed": 0, "cancelled": 0}


def test_the_queue_is_as_old_as_what_waits_longest(http: httpx.Client, database: Database) -> None:
    assert scrape(http)["subgrad_queue_age_seconds", ()] == 0
    queue(database)
    with database.writing() as session:
        connection = session.connection()
        connection.exec_driver_sql("UPDATE outbox SET queued_at = '2026-01-01T00:00:00.000Z'")
    queue(database)
    assert scrape(http)["subgrad_queue_age_seconds", ()] > 86_400


def test_a_lease_is_as_old_as_its_last_renewal(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"lease_s": 60.0})
    assert scrape(http)["subgrad_lease_age_seconds", ()] == 0
    job_id, _ = running(database)
    assert 0 <= scrape(http)["subgrad_lease_age_seconds", ()] < 30
    lapse(database, job_id)
    assert scrape(http)["subgrad_lease_age_seconds", ()] >= 61


def report(database: Database, process_id: str, meters: Meters, kind: str = "worker") -> None:
    with database.writing() as session:
        process = Process(id=process_id, kind=kind, host="here", version="0.1.0")
        reports.keep(session, process, meters.samples())


def test_what_processes_count_is_shown_with_whose_it_is(
    http: httpx.Client, database: Database
) -> None:
    for process_id, cohort in (("wrk_1", 3), ("wrk_2", 64)):
        meters = Meters()
        meters.count_claim(cohort)
        meters.count_steps(10 * cohort)
        meters.show_gpu_memory({"GPU-1": 5 << 30})
        report(database, process_id, meters)
    found = scrape(http)
    for process_id, cohort in (("wrk_1", 3), ("wrk_2", 64)):
        worker = ("worker", process_id)
        assert found["subgrad_claims_total", (worker,)] == 1
        assert found["subgrad_cohort_size_sum", (worker,)] == cohort
        assert found["subgrad_cohort_size_bucket", (("le", "32.0"), worker)] == (cohort <= 32)
        assert found["subgrad_network_steps_total", (worker,)] == 10 * cohort
        assert found["subgrad_gpu_memory_bytes", (("device", "GPU-1"), worker)] == 5 << 30
        about = (("host", "here"), ("kind", "worker"), ("version", "0.1.0"), worker)
        assert found["subgrad_process_info", about] == 1


def test_of_a_silent_process_only_what_it_counted_is_shown(
    http: httpx.Client, database: Database
) -> None:
    meters = Meters()
    meters.count_claim(1)
    meters.show_gpu_memory({"GPU-1": 1})
    report(database, "wrk_1", meters)
    with database.writing() as session:
        connection = session.connection()
        connection.exec_driver_sql("UPDATE process_reports SET seen_at = '2026-01-01T00:00:00Z'")
    found = scrape(http)
    assert found["subgrad_claims_total", (("worker", "wrk_1"),)] == 1
    shown = {name for name, _ in found}
    assert not shown & {"subgrad_gpu_memory_bytes", "subgrad_process_info"}


def test_a_sample_that_another_version_reported_is_left_out(
    http: httpx.Client, database: Database
) -> None:
    with database.writing() as session:
        process = Process(id="wrk_1", kind="worker", host="here", version="9.9.9")
        samples: Samples = [("subgrad_of_the_future", {}, 1.0), ("subgrad_claims_total", {}, 7.0)]
        reports.keep(session, process, samples)
    found = scrape(http)
    assert found["subgrad_claims_total", (("worker", "wrk_1"),)] == 7
    assert "subgrad_of_the_future" not in {name for name, _ in found}


def test_without_its_database_it_tells_what_it_knows() -> None:
    gone = Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    with serving(create_app(gone)) as url, httpx.Client(base_url=url, timeout=20) as http:
        assert http.get("/healthz").status_code == 200
        # Whether keys are needed nobody can say, so nobody gets in but Prometheus.
        problem(http.get("/metrics"), "database_unavailable")
    opened = gone.model_copy(update={"metrics_key": "prometheus"})
    with serving(create_app(opened)) as url, httpx.Client(base_url=url, timeout=20) as http:
        found = scrape(http, Authorization="Bearer prometheus")
    assert found["subgrad_database_up", ()] == 0
    assert "subgrad_jobs" not in {name for name, _ in found}


def test_where_keys_are_needed_only_an_admins_opens_it(
    app: FastAPI, served: tuple[FastAPI, str], http: httpx.Client, database: Database
) -> None:
    assert "/metrics" in ADMIN_PATHS
    tokens = {scope: make_key(database, scope, scope)[1] for scope in ("read", "write", "admin")}
    notice_keys(app)
    problem(http.get("/metrics"), "unauthenticated")
    for scope, token in tokens.items():
        with signed_in(served[1], token) as client:
            answer = client.get("/metrics")
        assert answer.status_code == (200 if scope == "admin" else 403), scope


def test_prometheus_has_a_key_that_opens_nothing_else(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"metrics_key": "prometheus"})
    make_key(database, "some")
    notice_keys(app)
    shown = {"Authorization": "Bearer prometheus"}
    # From another container: by a name that is not this machine's.
    assert scrape(http, Host="api:8000", **shown)
    problem(http.get("/v1/jobs", headers=shown), "unauthenticated")
    problem(http.post("/v1/jobs", json=SMALL, headers=shown), "unauthenticated")
    problem(http.post("/metrics", headers=shown), "unauthenticated")
    for wrong in ("Bearer prometheu", "Bearer", "Basic prometheus", "Bearer ÿ".encode("latin-1")):
        headers = {b"Authorization": wrong.encode() if isinstance(wrong, str) else wrong}
        problem(http.get("/metrics", headers=headers), "unauthenticated")


def test_without_a_key_it_answers_to_this_machine_alone(http: httpx.Client) -> None:
    problem(http.get("/metrics", headers={"Host": "evil.example"}), "unknown_host")


def test_a_scrape_asks_the_database_few_questions(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    asked: list[str] = []

    def note(_c: Connection, _cur: object, statement: str, *_: Any) -> None:
        asked.append(statement)

    scrape(http)
    event.listen(database.engine, "before_cursor_execute", note)
    scrape(http)
    event.remove(database.engine, "before_cursor_execute", note)
    # Whether keys are needed, the load in two, the reports; the ended jobs were counted before.
    assert len([one for one in asked if "SELECT" in one and "jobs" in one]) <= 2
    assert len(asked) <= 6
    assert rows(database, "SELECT count(*) FROM process_reports") == [(0,)]
