"""What was measured, in the files of other tools: TensorBoard, MLflow, and tables of a whole sweep.

Knows the domain and the libraries that write those files, which are optional extras; nothing about
HTTP or SQL. Where the runs come from is the caller's to say.
"""

from service.exports.extras import ExtraMissing
from service.exports.mlflow_runs import write_mlflow
from service.exports.runs import Run, values_of
from service.exports.tables import join_csv, join_parquet
from service.exports.tensorboard import write_tensorboard

__all__ = [
    "ExtraMissing",
    "Run",
    "join_csv",
    "join_parquet",
    "values_of",
    "write_mlflow",
    "write_tensorboard",
]
