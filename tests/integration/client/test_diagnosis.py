"""Diagnoses of networks that were really trained, each sick in its own way."""

from typing import Any

import pytest

from service.client import MoveRefused, Subgrad
from service.domain.diagnosis import Code, Diagnosis
from tests.integration.client.commands import CommandLine, is_readable
from tests.stack import digits_spec

PATIENTS: dict[str, tuple[dict[str, Any], set[Code]]] = {
    "a bias out of reach of the data": (
        {"network": {"hidden": [32, 32], "init": {"name": "kaiming_normal", "bias": -20.0}}},
        {Code.DEAD_LAYER, Code.BORN_DEAD, Code.NO_LEARNING},
    ),
    "eight layers of sigmoids": (
        {"network": {"hidden": [32] * 8}, "activation": {"name": "sigmoid"}},
        {Code.VANISHING_GRADIENT, Code.NO_LEARNING},
    ),
    "a rate far too high": (
        {"optimizer": {"learning_rate": 1e3}, "activation": {"name": "leaky_relu"}},
        {Code.DIVERGED, Code.EXPLODING_GRADIENT},
    ),
    "unscaled features at a high rate": (
        {
            "dataset": {"name": "digits", "scaling": "none"},
            "network": {"hidden": [128, 128]},
            "activation": {"name": "tanh"},
            "optimizer": {"learning_rate": 1.0},
        },
        {Code.SATURATED_UNITS, Code.NO_LEARNING, Code.LARGE_STEPS},
    ),
    "nothing": ({"network": {"hidden": [64, 64]}}, {Code.HEALTHY}),
    "a linear network that needs more time": (
        {
            "dataset": {"name": "diabetes"},
            "network": {"kind": "linear"},
            "activation": {"name": "identity"},
            "loss": {"name": "mae"},
            "optimizer": {"learning_rate": 1.0},
        },
        {Code.ABOVE_OPTIMUM, Code.STILL_IMPROVING},
    ),
    "a single normalised unit, at the kink": (
        {
            "dataset": {"name": "two_moons", "size": 64},
            "network": {"hidden": [1], "normalization": "layer"},
            "activation": {"name": "relu", "derivative_at_zero": 1},
        },
        {Code.CONVENTION_MATTERED},
    ),
}


def trained(client: Subgrad, **changes: Any) -> str:
    spec = digits_spec(**({"epochs": 12} | changes))
    return client.jobs.wait(client.jobs.create(spec).id).id


@pytest.mark.parametrize("name", PATIENTS)
def test_a_trained_network_is_diagnosed(client: Subgrad, name: str) -> None:
    changes, expected = PATIENTS[name]
    found = client.jobs.diagnose(trained(client, **changes))
    codes = {finding.code for finding in found.findings}
    assert expected <= codes, found.findings
    assert (Code.HEALTHY in codes) == (name == "nothing")


DYING = {
    "network": {"hidden": [64, 64]},
    "optimizer": {"name": "adam", "learning_rate": 0.1},
    "epochs": 5,
}


def test_treatments_are_tried_and_told(client: Subgrad) -> None:
    job_id = trained(client, **DYING)
    asked = client.jobs.diagnose(job_id, treat=True)
    assert asked.trial is not None
    client.sweeps.wait(asked.trial.sweep_id, timeout_s=120)
    again = client.jobs.diagnose(job_id, treat=True)
    assert again.trial is not None
    assert again.trial.sweep_id == asked.trial.sweep_id
    verdicts = {arm.treatment.name: arm.verdict for arm in again.trial.arms}
    assert verdicts["leaky_relu"] == "helped"
    assert verdicts["rate_times_0.1"] == "helped"
    # The patient's own seed gives the patient's own numbers.
    patient, twin = client.jobs.get(job_id), client.jobs.get(again.trial.untreated_jobs[0])
    assert patient.spec == twin.spec
    assert patient.summary is not None
    assert twin.summary is not None
    assert twin.summary.train_loss == patient.summary.train_loss


def test_a_diagnosis_is_read_on_the_command_line(client: Subgrad, url: str) -> None:
    run = CommandLine(url)
    job_id = trained(client, **DYING, seed=1)
    told = run("diagnose", job_id)
    assert told.code == 0
    assert "dead_units" in told.out
    assert "try leaky_relu" in told.out
    assert is_readable(told.out)
    treated = run("diagnose", job_id, "--treat", "--watch")
    assert "leaky_relu: helped" in treated.out
    assert is_readable(treated.out)
    whole = Diagnosis.model_validate(run("diagnose", job_id, "--json").json)
    assert whole.trial is not None


def test_a_job_that_runs_is_refused(client: Subgrad, url: str) -> None:
    job = client.jobs.create(digits_spec(epochs=10_000))
    with pytest.raises(MoveRefused):
        client.jobs.diagnose(job.id, treat=True)
    assert CommandLine(url)("diagnose", job.id).code == 4
    client.jobs.cancel(job.id)
