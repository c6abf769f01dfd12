"""What the study relu-at-zero trains: its options, and the sweeps that they make."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from service.domain.base import JsonObject
from service.studies.template import Options, Sweeps, sweep

Width = Annotated[int, Field(ge=1, le=4096)]
Depth = Annotated[int, Field(ge=1, le=32)]
Precision = Literal["float64", "float32", "bfloat16", "float16"]

HALVES = ("bfloat16", "float16")
CONVENTIONS = (0.0, 0.5, 1.0, -1.0, 2.0)
INSIDE = (0.0, 0.5, 1.0)
"""Those in the subdifferential."""


class ReluAtZeroOptions(Options):
    dataset: Annotated[
        Literal["digits", "mnist_784"],
        Field(description="mnist_784 comes from OpenML; both have their pixels in [0, 1]."),
    ]
    draws: Annotated[
        int, Field(ge=1, le=10_000, description="Random networks of each job, in full precision.")
    ]
    half_draws: Annotated[
        int,
        Field(ge=1, le=10_000, description="The same in half precision, which is slow on CPUs."),
    ]
    depth: Annotated[Depth, Field(description="Hidden layers where widths and precisions vary.")]
    width: Annotated[Width, Field(description="Units where depths and precisions vary.")]
    depths: Annotated[list[Depth], Field(min_length=1)]
    widths: Annotated[list[Width], Field(min_length=1)]
    precisions: Annotated[
        list[Precision], Field(min_length=1, description="Of the networks to train.")
    ]
    epochs: Annotated[int, Field(ge=1, le=1000, description="Epochs of their training.")]
    hidden: Annotated[
        list[Width], Field(min_length=1, description="Hidden layers of the networks to train.")
    ]
    shapes: Annotated[
        list[Annotated[list[Width], Field(min_length=1, max_length=32)]],
        Field(
            min_length=1,
            description="Hidden layers of the networks to train at several depths and widths.",
        ),
    ]
    shape_precisions: Annotated[list[Precision], Field(min_length=1, description="Theirs.")]


FORMS = ("chain_rule", "overwrite")


def _dataset(options: ReluAtZeroOptions) -> JsonObject:
    if options.dataset == "digits":
        return {"name": "digits", "scaling": "global_minmax"}
    return {
        "name": "openml",
        "openml_name": "mnist_784",
        "version": 1,
        "scaling": "global_minmax",
        "validation_fraction": 1 / 7,
    }


def _base(options: ReluAtZeroOptions, **more: object) -> JsonObject:
    return {
        "dataset": _dataset(options),
        "activation": {"name": "relu", "derivative_at_zero": 0.0},
        "network": {"init": {"name": "torch_default"}},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "probes": {"unit_activity": False},
        **more,
    }


def zone_sweeps(options: ReluAtZeroOptions) -> Sweeps:
    def zone(draws: int) -> JsonObject:
        probes = {"unit_activity": False, "bifurcation_draws": draws}
        return _base(options, epochs=0, batch_size=256, probes=probes)

    usual = [options.width] * options.depth
    shapes = [[options.width] * depth for depth in options.depths]
    shapes += [[width] * options.depth for width in options.widths]
    return {
        "zone": sweep(
            zone(options.draws),
            {"precision": ["float32", "float64"], "network.hidden": [usual]},
            seeds=options.seeds,
        ),
        "zone-half": sweep(
            zone(options.half_draws),
            {"precision": list(HALVES), "network.hidden": [usual]},
            seeds=options.seeds,
        ),
        "zone-shapes": sweep(zone(options.draws), {"network.hidden": shapes}, seeds=options.seeds),
    }


def training_sweeps(options: ReluAtZeroOptions) -> Sweeps:
    base = _base(options, epochs=options.epochs, batch_size=64)
    base["network"] = {"hidden": options.hidden}
    return {
        "trained": sweep(
            base,
            {
                "precision": list(options.precisions),
                "network.normalization": ["none", "batch"],
                "activation.derivative_at_zero": list(CONVENTIONS),
            },
            seeds=options.seeds,
        ),
        "trained-shapes": sweep(
            {**base, "network": {}},
            {
                "precision": list(options.shape_precisions),
                "network.hidden": options.shapes,
                "activation.derivative_at_zero": list(INSIDE),
            },
            seeds=options.seeds,
        ),
        "forms": sweep(
            {**base, "precision": form_precision(options)},
            {
                "activation.gradient_at_zero": list(FORMS),
                "activation.derivative_at_zero": [0.2, 1.0],
            },
            seeds=options.seeds,
        ),
    }


def form_precision(options: ReluAtZeroOptions) -> Precision:
    return _coarsest(options.precisions)


def shape_precision(options: ReluAtZeroOptions) -> Precision:
    """Of the depths and widths about which something is stated."""
    return _coarsest(options.shape_precisions)


def _coarsest(precisions: Sequence[Precision]) -> Precision:
    """Where zeros are most frequent."""
    return "bfloat16" if "bfloat16" in precisions else precisions[0]
