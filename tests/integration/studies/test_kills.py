"""A study whose conductor is killed again and again finds what it finds undisturbed."""

import random
import signal
import time
from pathlib import Path
from typing import Any

from service.client import Subgrad
from service.domain.findings import Findings
from service.domain.states import JobStatus
from tests.integration.studies.conftest import Study
from tests.stack import running_stack, wait_for

# Two rounds and more: the second is planned from what the first one found.
OVERRIDES: dict[str, Any] = {
    "seeds": 3,
    "rates": [0.001, 0.03, 0.3],
    "bisections": 2,
    "hidden": [32, 32],
    "epochs": 8,
}


def without_ids(findings: Findings) -> dict[str, Any]:
    return findings.model_dump(exclude={"evidence", "sweeps"})


def test_kill_9_of_the_conductor_changes_no_finding(
    study: Study, tmp_path: Path, sqlite_template: Path, redis_url: str
) -> None:
    undisturbed = study("dying-relu", **OVERRIDES).findings
    rng = random.Random(7)
    with (
        running_stack(
            tmp_path, template=sqlite_template, broker_url=redis_url, lease_s=3.0
        ) as stack,
        Subgrad(str(stack.http.base_url)) as client,
    ):
        posted = client.studies.create("dying-relu", overrides=OVERRIDES)
        for rounds in (1, 2):
            wait_for(
                lambda: client.studies.get(posted.id).rounds >= rounds,  # noqa: B023
                what=f"round {rounds}",
            )
            time.sleep(rng.uniform(0.0, 1.0))
            stack.stop("service.dispatch", by=signal.SIGKILL)
            stack.start("service.dispatch")
            # Again, as it starts or takes the study up.
            time.sleep(rng.uniform(0.0, 3.0))
            stack.stop("service.dispatch", by=signal.SIGKILL)
            stack.start("service.dispatch")
        client.studies.wait(posted.id, timeout_s=300)
        ended = client.studies.get(posted.id)
        assert ended.status is JobStatus.SUCCEEDED, ended.detail
        found = client.studies.report(posted.id).findings
        jobs = list(client.jobs.list(study_id=posted.id))
    assert without_ids(found) == without_ids(undisturbed)
    assert found.sweeps.keys() == undisturbed.sweeps.keys()
    # No sweep was posted twice, no job left behind.
    assert len(jobs) == found.jobs == undisturbed.jobs
