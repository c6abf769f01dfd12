"""Evidence for every template, and a program that prints what reports are made of it:
`python -m tests.unit.conclusions.everything`."""

import hashlib
import json
from typing import Any

from service.domain.study import StudyReport
from service.studies.reports import as_html, as_markdown, as_overview
from tests.studies.synthetic import Measuring, report
from tests.unit.conclusions import (
    test_activation_cost,
    test_born_dead,
    test_dying_relu,
    test_mse_versus_mae,
    test_piecewise_approximation,
    test_relu_at_zero,
    test_remedies,
    test_softplus_limit,
    test_sparsity,
    test_vanishing_gradient,
)

EVIDENCE: dict[str, tuple[Measuring, dict[str, Any]]] = {
    "mse-versus-mae": (
        test_mse_versus_mae.training(),
        {"epochs": test_mse_versus_mae.STEPS},
    ),
    "relu-at-zero": (test_relu_at_zero.world(), {"seeds": 3}),
    "softplus-limit": (
        test_softplus_limit.curves(exponent=1.0),
        {"epochs": test_softplus_limit.EPOCHS},
    ),
    "dying-relu": (test_dying_relu.dying(revivals=test_dying_relu.FREE), {}),
    "born-dead": (test_born_dead.births(), {"seeds": 20}),
    "remedies": (test_remedies.remedying(), {}),
    "vanishing-gradient": (
        test_vanishing_gradient.decaying(sigmoid=0.6, tanh=0.0, relu=0.0),
        {"depths": test_vanishing_gradient.DEPTHS},
    ),
    "sparsity": (test_sparsity.generalising(relu=0.05, dense=0.03), {}),
    "piecewise-approximation": (test_piecewise_approximation.falling(-2.0), {}),
    "activation-cost": (test_activation_cost.costs({}), {}),
}


def report_of(name: str) -> StudyReport:
    measure, overrides = EVIDENCE[name]
    return report(name, measure, **overrides)


def digests() -> dict[str, list[str]]:
    """Of the report of each study in every form."""
    found = {}
    for name in EVIDENCE:
        one = report_of(name)
        forms = (
            one.model_dump_json(),
            as_markdown([one]),
            as_html([one]),
            as_overview([one], command="subgrad study run all"),
        )
        found[name] = [hashlib.sha256(form.encode()).hexdigest() for form in forms]
    return found


if __name__ == "__main__":
    print(json.dumps(digests()))
