"""The example of a diagnosis, with a trial that has ended."""

from typing import Any

from service.api.examples import jobs as examples

_LAYERS = f"/v1/jobs/{examples.JOB_ID}/layers?columns=epoch,layer,units,dead"

_LEAKY: dict[str, Any] = {
    "name": "leaky_relu",
    "changes": {"activation": {"name": "leaky_relu"}},
    "reason": "a slope of 0.01 below 0 lets every unit pass a gradient, so none can die",
    "support": {
        "study": "remedies",
        "source": "Maas, Hannun and Ng (2013)",
        "statements": [
            {"text": "With leaky_relu fewer units are dead.", "verdict": "supported"},
            {"text": "With leaky_relu the network is more accurate.", "verdict": "supported"},
        ],
    },
}

_DEAD: dict[str, Any] = {
    "code": "dead_units",
    "severity": "warning",
    "summary": "25% of the hidden units are dead at the end, 0% were at the start: 25% died in "
    "training, most of them (16%) in epoch 1.",
    "evidence": [
        {
            "quantity": "dead_fraction",
            "value": 0.246,
            "epoch": 20,
            "layer": None,
            "threshold": 0.1,
            "note": "of all hidden units, died in training",
        },
        {
            "quantity": "dead",
            "value": 64,
            "epoch": 20,
            "layer": 1,
            "threshold": None,
            "note": "of 128 units",
        },
    ],
    "series": _LAYERS,
    "treatments": [_LEAKY],
}

_EFFECT: dict[str, Any] = {
    "quantity": "dead_fraction",
    "better": "lower",
    "margin": 0.01,
    "untreated": 0.231,
    "treated": 0.0,
    "difference": -0.231,
    "interval": {"low": -0.262, "high": -0.2},
    "method": "paired_t",
    "better_pairs": 10,
    "worse_pairs": 0,
    "tied_pairs": 0,
    "share": {"low": 0.645, "high": 1.0},
    "verdict": "helped",
}

DIAGNOSIS: dict[str, Any] = {
    "job_id": examples.JOB_ID,
    "status": "succeeded",
    "outcome": "completed",
    "last_epoch": 20,
    "findings": [_DEAD],
    "trial": {
        "sweep_id": examples.SWEEP_ID,
        "status": "succeeded",
        "progress": 1.0,
        "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "confidence": 0.975,
        "untreated_jobs": [examples.JOB_ID],
        "untreated_diverged": 0,
        "arms": [
            {
                "treatment": _LEAKY,
                "against": ["dead_units"],
                "jobs": [examples.OTHER_JOB_ID],
                "diverged": 0,
                "missing": 0,
                "effects": [_EFFECT],
                "verdict": "helped",
            }
        ],
    },
}
