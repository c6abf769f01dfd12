"""The examples of uploaded data sets in the API's document."""

from typing import Any

UPLOAD_CSV = "length,width,kind\n5.1,3.5,a\n6.2,2.9,b\n4.9,3.1,a\n"

DATASET_ID = "dat_5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e"

_COLUMNS = [
    {"name": "length", "minimum": 4.9, "maximum": 6.2, "mean": 5.4, "distinct": 3},
    {"name": "width", "minimum": 2.9, "maximum": 3.5, "mean": 3.17, "distinct": 3},
    {"name": "kind", "minimum": 0, "maximum": 1, "mean": 0.333, "distinct": 2},
]
DATASET_SUMMARY: dict[str, Any] = {
    "id": DATASET_ID,
    "name": "leaves",
    "task": "classification",
    "target": "kind",
    "examples": 3,
    "features": 2,
    "classes": 2,
    "stored_bytes": 161,
    "created_at": "2026-11-23T14:02:01.000Z",
}
DATASET: dict[str, Any] = DATASET_SUMMARY | {
    "columns": [
        one | {"standard_deviation": deviation}
        for one, deviation in zip(_COLUMNS, (0.572, 0.249, 0.471), strict=True)
    ],
    "class_counts": [{"name": "a", "examples": 2}, {"name": "b", "examples": 1}],
}
DATASET_PAGE: dict[str, Any] = {"data": [DATASET_SUMMARY], "next_cursor": None}
PREVIEW: dict[str, Any] = {
    "dataset_id": DATASET_ID,
    "columns": ["length", "width", "kind"],
    "hidden_columns": 0,
    "rows": [[5.1, 3.5, "a"], [6.2, 2.9, "b"], [4.9, 3.1, "a"]],
}
