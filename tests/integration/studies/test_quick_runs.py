"""The real thing, as small as it still says something. Numbers that theory or the engine's own
tests promise are asserted; verdicts that depend on how much is trained are not."""

import pytest

from service.client import Subgrad
from service.domain.findings import Verdict
from service.studies.reports import as_html
from tests.integration.studies.conftest import Study
from tests.studies.synthetic import statement


def test_vanishing_gradient(study: Study) -> None:
    overrides = {"seeds": 4, "depths": [2, 6, 12], "width": 16, "trained_depths": [2], "epochs": 1}
    found = study("vanishing-gradient", **overrides).findings
    assert statement(found, "With sigmoid").verdict is Verdict.SUPPORTED
    # The logistic function's derivative is at most 1/4.
    slope = statement(found, "With sigmoid").estimate.value
    assert slope is not None
    assert -1.0 < slope < -0.3
    assert statement(found, "default").verdict is Verdict.SUPPORTED
    assert found.jobs == 4 * (6 * 3 + 3)


def test_mse_versus_mae(study: Study) -> None:
    found = study("mse-versus-mae", seeds=6, size=64, rates=[0.05, 0.2], epochs=60).findings
    assert statement(found, "Squared error reaches").verdict is Verdict.SUPPORTED
    assert statement(found, "real-valued").estimate.value == 0.0
    assert statement(found, "integers").estimate.value == 1.0
    outliers = statement(found, "Outliers").estimate.value
    assert outliers is not None
    assert outliers > 0


def test_softplus_limit(study: Study) -> None:
    found = study("softplus-limit", seeds=3, betas=[1, 10, 100], hidden=[16], epochs=3).findings
    slope = statement(found, "sharper").estimate.value
    assert slope is not None
    assert slope < -0.5
    for row in found.tables[0].rows:
        gap = row[1]
        assert not isinstance(gap, str)
        assert gap.value == pytest.approx(0.6931471805599453 / float(str(row[0])))


def test_every_number_of_a_report_leads_to_jobs_of_the_study(study: Study, client: Subgrad) -> None:
    overrides = {"seeds": 2, "betas": [1, 10], "hidden": [4], "epochs": 1}
    report = study("softplus-limit", **overrides)
    of_study = set(client.studies.get(report.study.id).sweeps.values())
    ids = {job for group in report.findings.evidence.values() for job in group.jobs}
    assert len(ids) == report.findings.jobs == 2 * (2 + 3 + 2)
    for group in report.findings.evidence.values():
        assert set(group.sweeps) <= of_study
    job = client.jobs.get(min(ids))
    assert job.study_id == report.study.id
    assert job.name == "softplus-limit/softplus"
    assert f"/jobs/{job.id}" in as_html([report])


def test_a_report_is_the_same_whenever_it_is_read(study: Study, client: Subgrad) -> None:
    report = study("softplus-limit", seeds=2, betas=[1, 10], hidden=[4], epochs=1)
    for form in ("markdown", "html"):
        texts = {client.studies.export(report.study.id, form=form) for _ in range(2)}
        assert len(texts) == 1


def test_dying_relu(study: Study) -> None:
    overrides = {"seeds": 4, "rates": [0.001, 0.03, 0.3], "bisections": 1, "hidden": [32, 32]}
    found = study("dying-relu", **overrides, epochs=3).findings
    # A dead unit of the first layer has gradient 0 for every example: it cannot come back.
    assert statement(found, "stay dead").estimate.value == 1.0
    assert found.jobs == 4 * (3 + 4 + ("bisection-1" in found.sweeps))


def test_remedies(study: Study) -> None:
    found = study("remedies", seeds=4, hidden=[32, 32], epochs=3, learning_rate=0.1).findings
    relu, leaky = found.tables[0].rows[:2]
    assert (relu[0], leaky[0]) == ("relu", "leaky_relu")
    # leaky_relu has a slope everywhere, so none of its units can be dead.
    assert not isinstance(leaky[1], str)
    assert leaky[1].value == 0.0
    assert found.jobs == 4 * (10 + 7)


def test_sparsity(study: Study) -> None:
    found = study("sparsity", seeds=4, hidden=[16], epochs=2, biases=[-0.5, 0.5]).findings
    zeros = {row[0]: row[1] for row in found.tables[0].rows}
    assert not isinstance(zeros["relu"], str)
    assert not isinstance(zeros["leaky_relu"], str)
    assert (zeros["relu"].value or 0.0) > 0.1
    # 0 only where the pre-activation is; gelu's, far below 0, is rounded to 0 in float32.
    assert zeros["leaky_relu"].value == 0.0
    assert found.jobs == 4 * (6 + 2)
