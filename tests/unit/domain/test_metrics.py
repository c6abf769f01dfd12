"""The names of the measured quantities, as the design promises and as the tables keep them."""

from typing import Any

import pytest
from sqlalchemy import inspect

from service.db.tables import EpochRow, LayerRow
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS, EpochMetrics, LayerMetrics

# Section 8 of the design; what is ours comes last.
EPOCHS = [
    "epoch",
    "train_loss",
    "train_metric",
    "validation_loss",
    "validation_metric",
    "learning_rate",
    "grad_norm_mean",
    "grad_norm_max",
    "grad_norm_last",
    "dead_fraction",
    "dormant_fraction",
    "saturated_fraction",
    "sparsity",
    "kink_hits",
    "kink_effective",
    "loss_kink_hits",
    "loss_kink_effective",
    "seconds",
    "optimality_gap",
    "weight_distance",
    "first_effective_step",
    "bifurcation_differing",
    "bifurcation_zeros",
    "activation_forward_s",
    "activation_backward_s",
    "relu_forward_s",
    "relu_backward_s",
    "linear_regions",
]
LAYERS = [
    "epoch",
    "layer",
    "units",
    "dead",
    "dormant",
    "saturated",
    "sparsity",
    "kink_hits",
    "kink_effective",
    "grad_norm_mean",
    "grad_norm_max",
    "grad_norm_last",
    "update_ratio",
    "weight_norm",
    "effective_rank",
    "first_effective_step",
    "bifurcation_zeros",
]


def test_the_columns_of_epochs_are_those_of_the_design() -> None:
    assert list(EPOCH_COLUMNS) == EPOCHS


def test_the_columns_of_layers_are_those_of_the_design() -> None:
    assert list(LAYER_COLUMNS) == LAYERS


@pytest.mark.parametrize(("table", "names"), [(EpochRow, EPOCHS), (LayerRow, LAYERS)])
def test_the_tables_hold_the_same_columns(table: Any, names: list[str]) -> None:
    assert {column.name for column in inspect(table).columns} - {"job_id", "attempt"} == set(names)


@pytest.mark.parametrize("model", [EpochMetrics, LayerMetrics])
def test_every_quantity_says_what_it_means(model: Any) -> None:
    assert all(field.description for field in model.model_fields.values())
