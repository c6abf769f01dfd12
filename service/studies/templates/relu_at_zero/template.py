"""What is found of it, and what that says."""

from service.domain.findings import Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence
from service.studies.notebook import Notebook
from service.studies.template import Sweeps, Template
from service.studies.templates.relu_at_zero.sweeps import (
    ReluAtZeroOptions,
    training_sweeps,
    zone_sweeps,
)
from service.studies.templates.relu_at_zero.training import (
    claim_accuracies,
    claim_forms,
    show_shapes,
    show_training,
    tell_of_hits,
)
from service.studies.templates.relu_at_zero.zone import (
    compare_with_published,
    draws_in_zone,
    show_zone,
)

_RARE = 0.02
"""At most one draw in fifty: what 200 draws without a hit can tell."""


class ReluAtZero(Template[ReluAtZeroOptions]):
    """The *bifurcation zone*: random untrained networks for which the conventions 0 and 1 give the
    first layer's weights gradients that differ in any bit, on any mini-batch of one pass over the
    training part. Statistic: its share of the draws, with bounds of Clopper and Pearson; a draw is
    one network by PyTorch's own initialisation of linear layers. Beside it stands the rate r of
    pre-activations that are exactly 0 per call of relu, which compares between data sets of any
    size: if zeros come singly and each is felt, the share is 1 - exp(-r N), N being examples x
    units x layers. Then networks are trained with the conventions 0, 0.5, 1 and, outside the
    subdifferential, -1 and 2, by precision and normalisation, and with 0, 0.5 and 1 by depth and
    width: hits of the kink, effective hits (those at which a gradient arrived), the first step
    after which twins can differ, and the accuracy less that of convention 0, seed by seed. Where
    nothing was hit, every convention trained the same network: what is stated about accuracy there
    decides nothing. Last, `gradient_at_zero`: published code writes the convention over the
    gradient where the chain rule multiplies; both are trained, at the same conventions. Whether a
    sum is exactly 0 is rounding: the report names the engine."""

    number = 2
    name = "relu-at-zero"
    overwrites_gradient = True
    claim = (
        "The value of relu'(0) is a matter of rounding: in single precision it changes the "
        "gradients of some random networks, in double precision of hardly any, and the accuracy "
        "of trained ones does not depend on it."
    )
    source = (
        "Bertoin, Bolte, Gerchinovitz and Pauwels (NeurIPS 2021), Numerical influence of ReLU'(0) "
        "on backpropagation"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: ReluAtZeroOptions(
            seeds=10,
            dataset="digits",
            draws=20,
            half_draws=1,
            depth=3,
            width=256,
            depths=[1],
            widths=[16, 64],
            precisions=["float32", "bfloat16"],
            epochs=3,
            hidden=[32, 32],
            shapes=[[16], [16] * 3, [64]],
            shape_precisions=["float32", "bfloat16"],
        ),
        Scale.STANDARD: ReluAtZeroOptions(
            seeds=20,
            dataset="digits",
            draws=50,
            half_draws=2,
            depth=3,
            width=256,
            depths=[1, 2, 5],
            widths=[16, 64],
            precisions=["float64", "float32", "bfloat16", "float16"],
            epochs=3,
            hidden=[32, 32],
            shapes=[[64], [64] * 3, [64] * 5, [16] * 3, [256] * 3],
            shape_precisions=["float32", "bfloat16", "float16"],
        ),
        Scale.FULL: ReluAtZeroOptions(
            seeds=10,
            dataset="mnist_784",
            draws=100,
            half_draws=100,
            depth=3,
            width=256,
            depths=[1, 2, 5, 6],
            widths=[16, 64, 512, 1024],
            precisions=["float64", "float32", "bfloat16", "float16"],
            epochs=10,
            hidden=[256, 256, 256],
            shapes=[
                *([256] * depth for depth in (1, 2, 3, 5, 6)),
                *([width] * 3 for width in (16, 64, 512, 1024)),
            ],
            shape_precisions=["float32", "bfloat16"],
        ),
    }

    def plan(self, options: ReluAtZeroOptions) -> Sweeps:
        return {**zone_sweeps(options), **training_sweeps(options)}

    def conclude(self, options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
        zones = evidence.runs("zone").by("precision")
        where = f"{options.depth} x {options.width} on {options.dataset}"
        notebook.claim(
            f"In float32 some random networks lie in the bifurcation zone ({where}).",
            draws_in_zone(zones["float32"]),
            quantity="share of random networks",
            kind=Kind.SHARE,
            above=0.0,
        )
        notebook.claim(
            f"In float64 hardly any does ({where}).",
            draws_in_zone(zones["float64"]),
            quantity="share of random networks",
            kind=Kind.SHARE,
            below=_RARE,
        )
        claim_accuracies(options, evidence, notebook)
        claim_forms(options, evidence, notebook)
        show_zone(evidence, notebook)
        show_training(options, evidence, notebook)
        show_shapes(evidence, notebook)
        tell_of_hits(options, evidence, notebook)
        compare_with_published(options, evidence, notebook)
        _tell_scope(options, evidence, notebook)


def _tell_scope(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
    for what, name in (("Zones were", "zone"), ("Networks were", "trained")):
        engines = sorted(
            {
                f"{run.environment.get('engine')} (blas {run.environment.get('blas')}, "
                f"{run.environment.get('device')})"
                for run in evidence.runs(name)
                if run.environment
            }
        )
        if engines:
            notebook.remark(
                f"{what} computed by {', '.join(engines)}: whether a sum is exactly 0 "
                "depends on the order in which it is taken, and on where the bias is "
                "added."
            )
    notebook.remark(
        "The published counts for float64, 0 of 1,000, come from code that leaves the loop before "
        "the first mini-batch where the precision is 64; here float64 has as many draws as float32."
    )
    if options.dataset == "mnist_784":
        notebook.remark(
            "OpenML has MNIST's 70,000 images in one piece: the examples to train on are a random "
            "split of them, not the 60,000 that MNIST's authors set aside for it."
        )
    notebook.remark(
        "What is found of the two forms holds for these fully connected networks, at this depth "
        "and precision. It says that published curves may be an artefact of the form, not that "
        "they are: ResNet-18 was not trained here."
    )


TEMPLATE = ReluAtZero()
