"""What one key makes is invisible to another: every operation of the API's document, each on a
resource that an operation of the document made. An operation that is added is tried too, or fails
this until it can be."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.api.middleware.gate import OPEN_PATHS
from service.db import Database
from tests.integration.api.owners import make_key, notice_keys, signed_in
from tests.specs import SMALL

READING = ("get", "head")

QUERIES: dict[str, dict[str, str]] = {
    "upload_dataset": {"task": "classification", "target": "kind", "name": "grace's"},
    "compare_jobs": {"jobs": "{job_id},{other_job_id}"},
}
"""What an operation must be asked with, by its operationId, where the document has no example."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    method: str
    path: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.described["operationId"])

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def ask(self, client: httpx.Client, ids: dict[str, str]) -> httpx.Response:
        """The head of the answer, and its body where it is no stream."""
        query = {name: text.format(**ids) for name, text in QUERIES.get(self.name, {}).items()}
        missing = [
            one["name"]
            for one in self.described.get("parameters", [])
            if one["in"] == "query" and one.get("required") and one["name"] not in query
        ]
        assert not missing, f"tell QUERIES what {self.name} needs: {missing}"
        request = client.build_request(
            self.method.upper(), self.path.format(**ids), params=query, **self._body()
        )
        answer = client.send(request, stream=True)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.read()
        answer.close()
        return answer

    def _body(self) -> dict[str, Any]:
        content = self.described.get("requestBody", {}).get("content", {})
        if not content:
            return {}
        kind, form = next(iter(content.items()))
        examples = [one["value"] for one in form.get("examples", {}).values()]
        examples += [form["example"]] if "example" in form else []
        assert examples, f"{self.name} has no example of a body"
        if kind == "application/json":
            return {"json": examples[0]}
        return {"content": examples[0], "headers": {"Content-Type": kind}}


@dataclass(kw_only=True)
class World:
    """Grace made one of everything; Ada has a key of her own; an admin sees both."""

    document: dict[str, Any]
    grace: httpx.Client
    ada: httpx.Client
    admin: httpx.Client
    ids: dict[str, str] = field(default_factory=dict)
    """By the name of the parameter that takes it."""

    def operations(self) -> list[Operation]:
        return [
            Operation(method=method, path=path, described=described)
            for path, item in self.document["paths"].items()
            for method, described in item.items()
            if not (path in OPEN_PATHS and method in READING)
        ]

    def fill(self) -> None:
        """Lets Grace make one of everything that can be made, by the document's own examples."""
        for operation in self.operations():
            if operation.method != "post" or operation.parameters:
                continue
            answer = operation.ask(self.grace, {}).raise_for_status()
            made = answer.headers["location"]
            for path in self.document["paths"]:
                if found := re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path), made):
                    self.ids |= found.groupdict()
        self.ids["other_job_id"] = self.grace.post("/v1/jobs", json=SMALL).json()["id"]


@pytest.fixture
def world(app: FastAPI, served: tuple[FastAPI, str], database: Database) -> Iterator[World]:
    tokens = [make_key(database, name)[1] for name in ("grace", "ada")]
    tokens.append(make_key(database, "admin", "admin")[1])
    notice_keys(app)
    with ExitStack() as stack:
        grace, ada, admin = [stack.enter_context(signed_in(served[1], token)) for token in tokens]
        document = grace.get("/openapi.json").json()
        world = World(document=document, grace=grace, ada=ada, admin=admin)
        world.fill()
        yield world


def code(answer: httpx.Response) -> str | None:
    """The problem that was answered."""
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return str(answer.json()["code"]) if is_problem else None


def test_an_operation_on_anothers_resource_finds_nothing(world: World) -> None:
    named = [one for one in world.operations() if one.parameters]
    assert {"read_job", "stream_events", "delete_dataset", "cancel_sweep"} <= {
        one.name for one in named
    }
    for operation in named:
        answer = operation.ask(world.ada, world.ids)
        absent = code(answer)
        assert (answer.status_code, absent) == (404, absent), operation.name
        assert str(absent).endswith("_not_found"), operation.name
        # The same as what is answered where there is no such thing at all.
        nowhere = {name: f"{one[:4]}{0:032x}" for name, one in world.ids.items()}
        assert code(operation.ask(world.ada, nowhere)) == absent, operation.name
    for client in (world.grace, world.admin):
        for operation in named:
            # Reading first: some of the others end what they are asked about.
            if operation.method in READING:
                found = code(operation.ask(client, world.ids))
                assert found in (None, "weights_not_kept", "report_not_written"), operation.name


def test_nothing_that_another_tried_changed_anything(world: World) -> None:
    reads = [one for one in world.operations() if one.name in ("read_job", "read_sweep")]
    before = [one.ask(world.grace, world.ids).text for one in reads]
    for operation in world.operations():
        if operation.parameters and operation.method not in READING:
            operation.ask(world.ada, world.ids)
    assert [one.ask(world.grace, world.ids).text for one in reads] == before


def test_no_list_shows_what_another_made(world: World) -> None:
    lists = [one for one in world.operations() if one.method == "get" and not one.parameters]
    assert {"list_jobs", "list_sweeps", "list_datasets", "compare_jobs"} <= {
        one.name for one in lists
    }
    shown = ""
    for operation in lists:
        answer = operation.ask(world.ada, world.ids)
        for made in world.ids.values():
            asked_for = made in answer.json().get("detail", "") if code(answer) else False
            assert asked_for or made not in answer.text, operation.name
        shown += operation.ask(world.grace, world.ids).text
    assert [made for made in world.ids.values() if made not in shown] == []


def test_a_filter_by_anothers_resource_lists_nothing(world: World) -> None:
    for name in ("sweep_id", "study_id"):
        for resource in ("jobs", "sweeps"):
            query = {name: world.ids.get(name, f"{name[:3]}_{0:032x}")}
            answer = world.ada.get(f"/v1/{resource}", params=query)
            assert answer.status_code == 422 or answer.json()["data"] == []
    mine = world.grace.get("/v1/jobs", params={"sweep_id": world.ids["sweep_id"]}).json()
    assert mine["data"]


def test_an_admin_sees_and_moves_everybodys(world: World) -> None:
    page = world.admin.get("/v1/jobs", params={"limit": 200}).json()
    listed = [one["id"] for one in page["data"]]
    assert {world.ids["job_id"], world.ids["other_job_id"]} <= set(listed)
    assert world.admin.post(f"/v1/jobs/{world.ids['job_id']}/cancel").status_code == 202
    assert world.grace.get(f"/v1/jobs/{world.ids['job_id']}").json()["status"] == "cancelled"


def test_each_owner_has_idempotency_keys_of_their_own(world: World) -> None:
    key = {"Idempotency-Key": "monday"}
    made = [
        client.post("/v1/jobs", json=SMALL, headers=key).json()["id"]
        for client in (world.grace, world.ada, world.grace)
    ]
    assert made[0] == made[2] != made[1]
    other = world.ada.post("/v1/jobs", json=SMALL | {"seed": 5}, headers=key)
    assert code(other) == "idempotency_conflict"


def test_anothers_data_set_cannot_be_trained_on(world: World) -> None:
    dataset_id = upload(world.grace, "g").json()["id"]
    dataset = {"name": "upload", "dataset_id": dataset_id, "validation_fraction": 0}
    spec = SMALL | {"dataset": dataset, "loss": {"name": "mse"}}
    refused = world.ada.post("/v1/jobs", json=spec)
    nobodys = spec | {"dataset": dataset | {"dataset_id": f"dat_{0:032x}"}}
    unknown = world.ada.post("/v1/jobs", json=nobodys)
    assert refused.status_code == unknown.status_code == 422
    detail = refused.json()["detail"].replace(dataset_id, f"dat_{0:032x}")
    assert detail == unknown.json()["detail"]
    assert world.grace.post("/v1/jobs", json=spec).status_code == 202


def upload(client: httpx.Client, name: str) -> httpx.Response:
    return client.post(
        "/v1/datasets",
        params={"task": "regression", "target": "y", "name": name},
        headers={"Content-Type": "text/csv"},
        content="x,y\n1,2\n2,3\n3,5\n",
    )


def test_the_same_data_of_two_owners_are_two_data_sets_to_them(world: World) -> None:
    ours = [upload(client, name) for client, name in ((world.grace, "g"), (world.ada, "a"))]
    # New to both, under the id that follows from the content.
    assert [one.status_code for one in ours] == [201, 201]
    (dataset_id,) = {one.json()["id"] for one in ours}
    path = f"/v1/datasets/{dataset_id}"
    assert [c.get(path).json()["name"] for c in (world.grace, world.ada)] == ["g", "a"]
    assert upload(world.ada, "again").status_code == 200
    spec = SMALL | {
        "dataset": {"name": "upload", "dataset_id": dataset_id, "validation_fraction": 0},
        "loss": {"name": "mse"},
    }
    assert world.ada.post("/v1/jobs", json=spec).status_code == 202
    # Grace's goes, for nothing of hers uses it; Ada's stays, and is in use.
    assert world.grace.delete(path).status_code == 204
    assert world.grace.get(path).status_code == 404
    assert world.ada.get(path).status_code == 200
    assert code(world.ada.delete(path)) == "move_refused"


def test_keys_of_one_owner_see_the_same(world: World, database: Database) -> None:
    both = [make_key(database, name, owner="lab")[1] for name in ("laptop", "cluster")]
    url = str(world.ada.base_url)
    with signed_in(url, both[0]) as laptop, signed_in(url, both[1]) as cluster:
        job = laptop.post("/v1/jobs", json=SMALL).json()["id"]
        assert cluster.get(f"/v1/jobs/{job}").status_code == 200
    assert world.ada.get(f"/v1/jobs/{job}").status_code == 404
