"""Quick runs of the studies of kinks, births, pieces and costs: what theory or arithmetic promises
is asserted; verdicts that depend on how much is trained are not."""

import pytest

from service.client import Subgrad
from service.domain.findings import Estimate, Verdict
from tests.integration.studies.conftest import Study
from tests.studies.synthetic import statement


def test_relu_at_zero(study: Study, client: Subgrad) -> None:
    overrides = {
        "seeds": 2,
        "draws": 2,
        "half_draws": 1,
        "depth": 2,
        "width": 16,
        "depths": [1],
        "widths": [16],
        "precisions": ["float32"],
        "epochs": 1,
        "hidden": [8],
        "shapes": [[4], [4, 4]],
        "shape_precisions": ["bfloat16"],
    }
    report = study("relu-at-zero", **overrides)
    found = report.findings
    assert statement(found, "In float64").estimate.n == 4
    # One seed has the same network under every convention, and where no kink was hit it stays so.
    (trained,) = [one for one in found.tables if one.title.endswith("trained")]
    for row in trained.rows:
        hits, change = row[3], row[7]
        assert isinstance(hits, Estimate)
        assert isinstance(change, Estimate)
        assert hits.value != 0 or change.value == 0
    (shapes,) = [one for one in found.tables if one.title == "Depth and width in training"]
    assert [row[:3] for row in shapes.rows] == [
        ["bfloat16", shape, a] for shape in ("1 x 4", "2 x 4") for a in ("0", "0.5", "1")
    ]
    # Only a study's jobs may write the convention over the gradient.
    sweep = client.studies.get(report.study.id).sweeps["forms"]
    jobs = list(client.jobs.list(sweep_id=sweep))
    assert {job.spec.activation.overwrites_gradient for job in jobs} == {False, True}


def test_born_dead(study: Study) -> None:
    found = study("born-dead", seeds=30, depths=[1, 8], widths=[2], deepest=12, epochs=10).findings
    rows = {row[0]: row for row in found.tables[1].rows}
    both_signs = rows["1 x 2"][3]
    assert isinstance(both_signs, Estimate)
    assert both_signs.value == 0  # of two signs one passes
    assert statement(found, "asymmetric").verdict is Verdict.SUPPORTED


def test_piecewise_approximation(study: Study) -> None:
    units = [1, 4, 16]
    found = study("piecewise-approximation", seeds=2, units=units, epochs=2, examples=32).findings
    for n, row in zip(units, found.tables[0].rows, strict=True):
        regions = row[2]
        assert isinstance(regions, Estimate)
        assert regions.value is not None
        assert 1 <= regions.value <= n + 1


def test_activation_cost(study: Study) -> None:
    found = study("activation-cost", seeds=2, widths=[8], batch_size=16, device="cpu").findings
    assert found.jobs == 2 * 18
    for row in found.tables[0].rows:
        assert isinstance(row[1], Estimate)
        assert row[1].value == pytest.approx(row[1].value, nan_ok=False)
        assert row[1].n == 2
    assert "cpu" in found.remarks[0]
