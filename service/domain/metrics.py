"""The measured quantities: names, meaning and unit. Exact definitions: docs/definitions.md.

The fields of the two models are the columns of the tables, of `/epochs` and `/layers`, and of the
events of training. None means "was not measured" (no step, no validation part, or a layer with
NaN); NaN and Inf are measured values.
"""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from service.domain.base import DomainModel


def _quantity(meaning: str, unit: str = "") -> object:
    return Field(description=meaning, json_schema_extra={"unit": unit} if unit else None)


Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}),
]
Real = Number | None
Count = int | None


class EpochMetrics(DomainModel):
    """One row per job and epoch. Epoch 0 is the state at initialisation."""

    epoch: Annotated[int, _quantity("Epochs trained so far")]
    train_loss: Annotated[Real, _quantity("Loss over the whole training part, after the epoch")]
    train_metric: Annotated[Real, _quantity("Accuracy, or R² for regression, over the same")]
    validation_loss: Annotated[Real, _quantity("Loss over the validation part")]
    validation_metric: Annotated[Real, _quantity("Accuracy or R² over the validation part")]
    learning_rate: Annotated[Real, _quantity("Rate of the epoch's last step")]
    grad_norm_mean: Annotated[Real, _quantity("L2 norm of the mini-batch gradient, mean of steps")]
    grad_norm_max: Annotated[Real, _quantity("The same, largest of the epoch's steps")]
    grad_norm_last: Annotated[Real, _quantity("The same, last step of the epoch")]
    dead_fraction: Annotated[Real, _quantity("Dead hidden units of all hidden units")]
    dormant_fraction: Annotated[Real, _quantity("Dormant hidden units of all hidden units")]
    saturated_fraction: Annotated[Real, _quantity("Saturated hidden units of all hidden units")]
    sparsity: Annotated[Real, _quantity("Share of hidden activations that are exactly 0")]
    kink_hits: Annotated[Count, _quantity("Pre-activations exactly at a kink", "1/epoch")]
    kink_effective: Annotated[
        Count, _quantity("Those whose upstream gradient was not 0", "1/epoch")
    ]
    loss_kink_hits: Annotated[Count, _quantity("Residuals exactly at the loss's kink", "1/epoch")]
    loss_kink_effective: Annotated[
        Count, _quantity("Those whose upstream gradient was not 0", "1/epoch")
    ]
    seconds: Annotated[Real, _quantity("Wall time of the epoch, shared by the cohort", "s")]
    optimality_gap: Annotated[
        Real, _quantity("Linear networks: (train_loss - optimum) / optimum, the optimum exact")
    ]
    weight_distance: Annotated[
        Real, _quantity("Linear networks: L2 distance of weights and bias from the exact optimum")
    ]
    first_effective_step: Annotated[
        Count,
        _quantity("First step, from 1, of the epoch with an effective hit of activation or loss"),
    ]
    bifurcation_differing: Annotated[
        Count,
        _quantity("Of probes.bifurcation_draws: draws whose first layer's gradient differs"),
    ]
    bifurcation_zeros: Annotated[Count, _quantity("Pre-activations exactly 0 in all these draws")]
    activation_forward_s: Annotated[
        Real, _quantity("Median time of PyTorch's activation on a mini-batch", "s")
    ]
    activation_backward_s: Annotated[Real, _quantity("The same of its backward pass", "s")]
    relu_forward_s: Annotated[Real, _quantity("The same of relu, by turns with it", "s")]
    relu_backward_s: Annotated[Real, _quantity("The same of relu's backward pass", "s")]
    linear_regions: Annotated[
        Count, _quantity("Linear pieces of the function over the training part's interval")
    ]


class LayerMetrics(DomainModel):
    """One row per job, epoch and hidden layer; `layer` counts hidden layers from 0."""

    epoch: Annotated[int, _quantity("Epochs trained so far")]
    layer: Annotated[int, _quantity("Hidden layer, from 0")]
    units: Annotated[int, _quantity("Units of the layer; a convolution's are its channels")]
    dead: Annotated[Count, _quantity("Units through which no gradient passes for any example")]
    dormant: Annotated[Count, _quantity("Units whose dormant score is at most dormant_tau")]
    saturated: Annotated[
        Count, _quantity("Units with |derivative| < 1e-3 for 99% of the examples, and not dead")
    ]
    sparsity: Annotated[Real, _quantity("Share of activations that are exactly 0")]
    kink_hits: Annotated[Count, _quantity("Pre-activations exactly at a kink", "1/epoch")]
    kink_effective: Annotated[
        Count, _quantity("Those whose upstream gradient was not 0", "1/epoch")
    ]
    grad_norm_mean: Annotated[Real, _quantity("L2 norm of the layer's gradient, mean of steps")]
    grad_norm_max: Annotated[Real, _quantity("The same, largest of the epoch's steps")]
    grad_norm_last: Annotated[Real, _quantity("The same, last step of the epoch")]
    update_ratio: Annotated[Real, _quantity("|step| / |weights|, mean of the epoch's steps")]
    weight_norm: Annotated[Real, _quantity("L2 norm of the layer's parameters, after the epoch")]
    effective_rank: Annotated[
        Real, _quantity("exp of the entropy of the representation's singular values")
    ]
    first_effective_step: Annotated[
        Count, _quantity("First step, from 1, of the epoch with an effective hit in the layer")
    ]
    bifurcation_zeros: Annotated[Count, _quantity("Pre-activations exactly 0 in all draws")]


EPOCH_COLUMNS: tuple[str, ...] = tuple(EpochMetrics.model_fields)
LAYER_COLUMNS: tuple[str, ...] = tuple(LayerMetrics.model_fields)
