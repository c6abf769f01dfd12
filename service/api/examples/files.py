"""Examples that are bytes, which JSON cannot hold: files that this service serves."""

from typing import Any


def _in_file(name: str, summary: str) -> dict[str, Any]:
    return {"file": {"summary": summary, "externalValue": f"/static/examples/{name}"}}


UPLOAD_PARQUET = _in_file("leaves.parquet", "The same three leaves; `kind` is the target")
UPLOAD_NPZ = _in_file("leaves.npz", "The same three leaves: the arrays `X` and `kind`")
EPOCHS_PARQUET = _in_file("epochs.parquet", "An epoch of a job")
LAYERS_PARQUET = _in_file("layers.parquet", "An epoch of two layers")
WEIGHTS = _in_file("weights.safetensors", "A network of two inputs and three hidden units")
