"""Sweeps through the real path, and what they teach the service about its own pace."""

from typing import Any

from tests.stack import Stack, digits_spec

_AXES = {"optimizer.learning_rate": [0.05, 0.2], "seed": {"range": 3}}


def _ended(stack: Stack, sweep_id: str) -> dict[str, Any]:
    answer = stack.http.get(f"/v1/sweeps/{sweep_id}", params={"wait": 60}).raise_for_status()
    sweep: dict[str, Any] = answer.json()
    assert sweep["finished_at"], f"still {sweep['status']} after a minute"
    return sweep


def test_a_sweep_is_trained_tabulated_and_timed(stack: Stack) -> None:
    stack.start_all()
    body = {"base": digits_spec(), "axes": _AXES}
    dry = {"dry_run": "true"}
    plan = stack.http.post("/v1/sweeps", json=body, params=dry).raise_for_status().json()
    assert (plan["members"], plan["cohorts"], plan["estimated_seconds"]) == (6, 1, None)
    posted = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()
    sweep = _ended(stack, posted["id"])
    assert (sweep["status"], sweep["counts"]["succeeded"], sweep["progress"]) == ("succeeded", 6, 1)

    query = {"quantity": "train_metric"}
    answer = stack.http.get(f"/v1/sweeps/{sweep['id']}/table", params=query).raise_for_status()
    cells = [row[0] for row in answer.json()["cells"]]
    assert [cell["n"] for cell in cells] == [3, 3]
    for cell in cells:
        assert cell["interval"]["low"] < cell["mean"] < cell["interval"]["high"]

    page = stack.http.get("/v1/jobs", params={"sweep_id": sweep["id"]}).json()["data"]
    alone = stack.ended(stack.post(page[0]["spec"]))
    compared = stack.http.get("/v1/compare", params={"jobs": f"{page[0]['id']},{alone['id']}"})
    assert compared.json()["differences"] == []
    assert compared.json()["first_differing_epoch"] is None

    plan = stack.http.post("/v1/sweeps", json=body, params=dry).raise_for_status().json()
    assert plan["estimated_seconds"] > 0
    assert plan["slots"] == stack.settings.worker_slots


def test_a_retried_job_ends_with_the_numbers_it_would_have_had(stack: Stack) -> None:
    stack.start("service.api")
    stack.wait_until_listening()
    spec = digits_spec()
    dropped, kept = stack.post(spec), stack.post(spec)
    stack.http.post(f"/v1/jobs/{dropped}/cancel").raise_for_status()
    stack.start("service.dispatch")
    stack.start("workers")
    stack.wait_until_ready()
    stack.ended(kept)
    assert stack.http.post(f"/v1/jobs/{dropped}/retry").status_code == 202
    assert stack.ended(dropped)["status"] == "succeeded"
    assert stack.epochs(dropped) == stack.epochs(kept)
