"""Studies over HTTP: what is refused, listed, waited for, reported and cancelled."""

import re
from typing import Any

import httpx
import pytest

from service.db import Database
from service.domain.findings import Verdict
from service.studies.reports import STYLE_HASH
from tests.integration.db import record
from tests.integration.dispatch.stepping import advance, jobs_of, train

SMALL: dict[str, Any] = {
    "template": "softplus-limit",
    "overrides": {"seeds": 2, "betas": [1, 10], "hidden": [4], "epochs": 1},
}


def concluded(http: httpx.Client, database: Database) -> str:
    study_id: str = http.post("/v1/studies", json=SMALL).raise_for_status().json()["id"]
    advance(database)
    train(database, jobs_of(database, study_id))
    advance(database)
    return study_id


def test_a_study_is_stored_with_its_location_and_options(http: httpx.Client) -> None:
    answer = http.post("/v1/studies", json=SMALL)
    assert answer.status_code == 202
    study = answer.json()
    assert answer.headers["Location"] == f"/v1/studies/{study['id']}"
    assert (study["status"], study["rounds"], study["verdict"]) == ("queued", 0, None)
    assert study["options"] == SMALL["overrides"] | {
        "betas": [1.0, 10.0],
        "learning_rate": study["options"]["learning_rate"],
    }
    assert http.get(answer.headers["Location"]).json() == study


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"template": "alchemy"}, "/template", "accepted: mse-versus-mae"),
        ({"scale": "huge"}, "/scale", "quick"),
        ({"template": None}, "/template", "must be a string"),
        ({"size": 3}, "/size", "accepted: template, scale, overrides"),
        ({"overrides": {"seeds": 1}}, "/overrides/seeds", "ranks nothing"),
        ({"overrides": {"seeds": "5"}}, "/overrides/seeds", "must be an integer"),
        ({"overrides": {"seed": 5}}, "/overrides/seed", "no option"),
        ({"overrides": {"betas": [1, 1000]}}, "/overrides/betas/1", "at most 100"),
        ({"overrides": {"hidden": [4] * 65}}, "/overrides", "hidden layers; the limit"),
        ({"overrides": {"seeds": 5000}}, "/overrides", "members; the limit"),
        ({"overrides": [1]}, "/overrides", "must be an object"),
    ],
)
def test_what_cannot_be_studied_is_refused_at_its_field(
    still: httpx.Client, change: dict[str, Any], pointer: str, words: str
) -> None:
    answer = still.post("/v1/studies", json=SMALL | change)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert errors[0]["pointer"] == pointer
    assert words in errors[0]["detail"]
    assert still.get("/v1/studies").json()["data"] == []


def test_the_same_key_makes_one_study(http: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (http.post("/v1/studies", json=SMALL, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    other = http.post("/v1/studies", json=SMALL | {"scale": "full"}, headers=headers)
    assert other.json()["code"] == "idempotency_conflict"


def test_templates_and_studies_are_listed(http: httpx.Client) -> None:
    ids = [http.post("/v1/studies", json=SMALL).json()["id"] for _ in range(3)]
    page = http.get("/v1/studies", params={"limit": 2, "template": "softplus-limit"}).json()
    assert [one["id"] for one in page["data"]] == ids[:0:-1]
    query = {"limit": 2, "template": "softplus-limit", "cursor": page["next_cursor"]}
    rest = http.get("/v1/studies", params=query).json()
    assert [one["id"] for one in rest["data"]] == ids[:1]
    assert http.get("/v1/studies", params={"verdict": "refuted"}).json()["data"] == []
    described = {one["name"]: one for one in page["templates"]}
    softplus = described["softplus-limit"]
    assert set(softplus["scales"]) == {"quick", "standard", "full"}
    assert "seeds" in softplus["options"]["properties"]
    for one in described.values():
        assert one["claim"].endswith(".")
        assert len(one["statistic"]) > 200
        assert one["source"]


def test_studies_are_filtered_by_state_and_verdict(http: httpx.Client, database: Database) -> None:
    done = concluded(http, database)
    queued = http.post("/v1/studies", json=SMALL).json()["id"]
    verdict = http.get(f"/v1/studies/{done}").json()["verdict"]

    def ids(**query: str) -> list[str]:
        return [one["id"] for one in http.get("/v1/studies", params=query).json()["data"]]

    assert ids() == [queued, done]
    assert ids(status="succeeded") == ids(verdict=verdict) == [done]
    assert ids(status="queued") == [queued]
    assert ids(status="queued", verdict=verdict) == ids(status="failed") == []
    others = {one.value for one in Verdict} - {verdict}
    assert [ids(verdict=other) for other in others] == [[]] * len(others)


def test_a_list_goes_on_below_a_study_that_is_gone(http: httpx.Client, database: Database) -> None:
    """Nobody deletes studies but an operator, in SQL."""
    made = [http.post("/v1/studies", json=SMALL).json()["id"] for _ in range(3)]
    cursor = http.get("/v1/studies", params={"limit": 1}).json()["next_cursor"]
    with database.write_connection() as connection:
        connection.exec_driver_sql(f"DELETE FROM studies WHERE id = '{made[2]}'")  # noqa: S608
    page = http.get("/v1/studies", params={"limit": 1, "cursor": cursor}).json()
    assert [one["id"] for one in page["data"]] == [made[1]]


def test_a_study_is_waited_for_and_has_an_etag(http: httpx.Client, database: Database) -> None:
    study_id = concluded(http, database)
    answer = http.get(f"/v1/studies/{study_id}", params={"wait": 30})
    assert answer.json()["status"] == "succeeded"
    headers = {"If-None-Match": answer.headers["ETag"]}
    assert http.get(f"/v1/studies/{study_id}", headers=headers).status_code == 304


def test_a_report_comes_in_three_forms(http: httpx.Client, database: Database) -> None:
    study_id = concluded(http, database)
    path = f"/v1/studies/{study_id}/report"
    report = http.get(path).json()
    assert report["study"]["id"] == study_id
    assert report["findings"]["verdict"] == report["study"]["verdict"]
    markdown = http.get(path, headers={"Accept": "text/markdown"})
    assert markdown.headers["Content-Type"].startswith("text/markdown")
    assert report["study"]["claim"] in markdown.text
    assert http.get(path, headers={"Accept": "image/png"}).status_code == 406
    assert http.get(path, headers={"Accept": "text/html"}).text.startswith("<!doctype html>")


def test_the_page_stands_alone_under_a_policy_that_allows_its_style_alone(
    http: httpx.Client, database: Database
) -> None:
    path = f"/v1/studies/{concluded(http, database)}/report"
    answer = http.get(path, headers={"Accept": "text/html"})
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src '{STYLE_HASH}';")
    assert "unsafe" not in policy
    page = answer.text
    assert page.count("<style>") == 1
    assert not re.search(r"<script|<link|<img|\sstyle=|\son\w+=|https?://(?!127)", page)
    assert "<svg" in page
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors
    assert re.search(r'href="/jobs/job_[0-9a-f]{32}"', page)


def test_there_is_no_report_before_the_end(http: httpx.Client) -> None:
    study_id = http.post("/v1/studies", json=SMALL).json()["id"]
    answer = http.get(f"/v1/studies/{study_id}/report")
    assert (answer.status_code, answer.json()["code"]) == (404, "report_not_written")
    unknown = "std_" + "0" * 32
    for path in (unknown, f"{unknown}/report", "nonsense"):
        assert http.get(f"/v1/studies/{path}").json()["code"] == "study_not_found"


def test_a_cancelled_study_has_no_verdict(http: httpx.Client, database: Database) -> None:
    study_id = http.post("/v1/studies", json=SMALL).json()["id"]
    advance(database)
    cancelled = http.post(f"/v1/studies/{study_id}/cancel")
    assert cancelled.status_code == 202
    assert cancelled.json()["counts"]["cancelled"] == len(jobs_of(database, study_id))
    assert cancelled.json()["verdict"] is None
    assert http.post(f"/v1/studies/{study_id}/cancel").status_code == 409
    assert record.announced(database) == set()
