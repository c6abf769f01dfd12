"""The examples of studies in the API's document."""

from typing import Any

STUDY_ID = "std_019ab3c0f3e07d1fa3b5c1d2e3f40516"
_SWEEP_ID = "swp_019ab3c0f3e17d1fa3b5c1d2e3f40516"
_JOB_IDS = [f"job_019ab3c0f3e{n}7d1fa3b5c1d2e3f40516" for n in (2, 3)]

STUDY_SPECS: dict[str, dict[str, Any]] = {
    "quick": {
        "summary": "Does the gradient vanish? Under a minute",
        "value": {"template": "vanishing-gradient", "scale": "quick"},
    },
    "own": {
        "summary": "The same with options of your own",
        "value": {
            "template": "vanishing-gradient",
            "scale": "quick",
            "overrides": {"seeds": 10, "depths": [2, 10, 30]},
        },
    },
}

QUEUED_STUDY: dict[str, Any] = {
    "id": STUDY_ID,
    "template": "vanishing-gradient",
    "claim": "With sigmoid and tanh the gradient vanishes on its way to the first layer of a deep "
    "network; with relu it does not.",
    "scale": "quick",
    "overrides": {},
    "options": {
        "seeds": 5,
        "depths": [2, 5, 10, 20, 50],
        "width": 32,
        "trained_depths": [2, 10],
        "epochs": 5,
    },
    "status": "queued",
    "reason": None,
    "detail": None,
    "verdict": None,
    "seeds_needed": None,
    "rounds": 0,
    "sweeps": {},
    "counts": {"queued": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0},
    "progress": 0.0,
    "created_at": "2026-11-25T22:10:04.125Z",
    "finished_at": None,
    "cancel_requested_at": None,
}
STUDY = QUEUED_STUDY | {
    "status": "succeeded",
    "verdict": "refuted",
    "rounds": 1,
    "sweeps": {"tanh": _SWEEP_ID},
    "counts": {"queued": 0, "running": 0, "succeeded": 180, "failed": 0, "cancelled": 0},
    "progress": 1.0,
    "finished_at": "2026-11-25T22:10:19.310Z",
}
CANCELLED_STUDY = QUEUED_STUDY | {
    "status": "cancelled",
    "reason": "user",
    "finished_at": "2026-11-25T22:10:19.310Z",
    "cancel_requested_at": "2026-11-25T22:10:19.310Z",
}

_ESTIMATE: dict[str, Any] = {
    "kind": "mean",
    "value": -0.018,
    "interval": {"low": -0.021, "high": -0.015},
    "confidence": 0.9833,
    "n": 5,
    "excluded": {},
    "jobs": "J1",
}
REPORT: dict[str, Any] = {
    "study": STUDY,
    "source": "Hochreiter (1991)",
    "statistic": "Of networks that have not been trained yet, the L2 norm of the gradient …",
    "findings": {
        "verdict": "refuted",
        "seeds_needed": None,
        "statements": [
            {
                "text": "With tanh the gradient vanishes from layer to layer (xavier_normal).",
                "quantity": "slope of log10(first / last layer's gradient norm) over depth",
                "estimate": _ESTIMATE,
                "above": None,
                "below": -0.05,
                "p": 0.0002,
                "verdict": "refuted",
                "seeds_needed": None,
                "decisive": True,
            }
        ],
        "tables": [
            {
                "title": "First over last hidden layer's gradient norm",
                "columns": ["initialisation", "depth 2"],
                "rows": [["tanh", _ESTIMATE | {"kind": "geometric mean", "value": 0.96}]],
                "note": "",
            }
        ],
        "figures": [],
        "remarks": [],
        "evidence": {"J1": {"sweeps": [_SWEEP_ID], "jobs": _JOB_IDS}},
        "jobs": 180,
        "sweeps": {"tanh": _SWEEP_ID},
    },
}
REPORT_MARKDOWN = "# vanishing-gradient: refuted\n\nWith sigmoid and tanh the gradient vanishes …\n"
REPORT_HTML = '<!doctype html>\n<html lang="en"><title>vanishing-gradient: refuted</title>…\n'

_TEMPLATE: dict[str, Any] = {
    "name": "vanishing-gradient",
    "claim": QUEUED_STUDY["claim"],
    "source": REPORT["source"],
    "statistic": REPORT["statistic"],
    "scales": {"quick": QUEUED_STUDY["options"]},
    "options": {"type": "object"},
}
STUDY_PAGE: dict[str, Any] = {"templates": [_TEMPLATE], "data": [STUDY], "next_cursor": None}
