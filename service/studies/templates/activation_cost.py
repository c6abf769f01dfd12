"""What do activations cost, beside relu?"""

from typing import Annotated, Literal

from pydantic import Field

from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample
from service.studies.template import Options, Sweeps, Template, sweep
from service.studies.timing import QUANTITY, TIMED, cost_over_relu

CURVED = ("elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh")
"""Those that need an exponential, or an error function."""
PLAIN = (
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "rrelu",
    "hardtanh",
    "hardswish",
    "softsign",
    "identity",
)
"""Those that need neither; nothing is stated of them, but that relu costs what relu costs."""
_SELF = 0.1
"""relu beside itself may be off by a tenth: it costs the same."""


class ActivationCostOptions(Options):
    widths: Annotated[
        list[Annotated[int, Field(ge=1, le=4096)]],
        Field(min_length=1, description="Units of the tensor that is timed."),
    ]
    batch_size: Annotated[int, Field(ge=1, le=1024, description="Its examples.")]
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="auto: the GPU of the worker that takes the job, where it has one."),
    ]


class ActivationCost(Template[ActivationCostOptions]):
    """Each job times PyTorch's module of its activation and of relu by turns, forward and by
    autograd backward, on a tensor of batch x width in float32, and keeps the medians of 40 rounds.
    Statistic: the ratio of both passes' time to relu's in the same job, geometric mean over jobs
    (a seed is a repetition: it changes no number that is timed). Since both are timed by turns on
    one machine, what else runs there meets both; times of different jobs are never compared. relu
    beside itself tells how far the method can be trusted: it should be 1 to within a tenth.
    Timings cannot be repeated to the bit, so a study made anew has other numbers; a report made
    anew from the same jobs has the same."""

    number = 10
    name = "activation-cost"
    claim = (
        "relu is the cheapest activation: those that need an exponential or an error function "
        "take longer, forward and backward together."
    )
    source = "Krizhevsky, Sutskever and Hinton (2012); Glorot, Bordes and Bengio (2011)"
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: ActivationCostOptions(
            seeds=5, widths=[32, 1024], batch_size=256, device="auto"
        ),
        Scale.STANDARD: ActivationCostOptions(
            seeds=12, widths=[16, 64, 256, 1024, 4096], batch_size=256, device="auto"
        ),
        Scale.FULL: ActivationCostOptions(
            seeds=30,
            widths=[16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
            batch_size=1024,
            device="auto",
        ),
    }

    def plan(self, options: ActivationCostOptions) -> Sweeps:
        base = {
            "dataset": {"name": "digits"},
            "network": {"kind": "mlp"},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "batch_size": options.batch_size,
            "device": options.device,
            **TIMED,
        }
        axes = {
            "activation.name": [*PLAIN, *CURVED],
            "network.hidden": [[width] for width in options.widths],
        }
        return {"cost": sweep(base | {"activation": {}}, axes, seeds=options.seeds)}

    def conclude(
        self, options: ActivationCostOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        runs, largest = evidence.runs("cost"), max(options.widths)
        size = f"{options.batch_size} x {largest}"
        for name in CURVED:
            notebook.claim(
                f"{name} takes longer than relu on a tensor of {size}.",
                _ratio(runs, name, largest),
                quantity=QUANTITY,
                kind=Kind.GEOMETRIC_MEAN,
                above=1.0,
            )
        notebook.claim(
            f"relu beside itself costs the same on a tensor of {size}: the method can be trusted.",
            _ratio(runs, "relu", largest),
            quantity=QUANTITY,
            kind=Kind.GEOMETRIC_MEAN,
            above=1 / (1 + _SELF),
            below=1 + _SELF,
            decisive=False,
        )
        self._show(options, runs, notebook)
        places = sorted({_place(run) for run in runs if run.environment})
        notebook.remark(
            f"Timed on {'; '.join(places) or 'an unknown device'}, with PyTorch's modules in "
            "float32. Small tensors cost what a call costs, whatever the function is. Nothing is "
            "said of a network's training, of which activations are a small part."
        )

    @staticmethod
    def _show(options: ActivationCostOptions, runs: Runs, notebook: Notebook) -> None:
        rows: list[list[str | Estimate]] = []
        curves: dict[str, list[tuple[float, Estimate]]] = {}
        for name in (*PLAIN, *CURVED):
            cells = [
                notebook.estimate(_ratio(runs, name, width), Kind.GEOMETRIC_MEAN)
                for width in options.widths
            ]
            rows.append([name, *cells])
            values = [options.batch_size * width for width in options.widths]
            curves[name] = list(zip(values, cells, strict=True))
        notebook.table(
            "Time of forward and backward, over relu's",
            ["activation", *(f"{options.batch_size} x {width}" for width in options.widths)],
            rows,
            note="Geometric mean over repetitions, of ratios within a job.",
        )
        notebook.figure(
            "Cost over relu's by size",
            FigureAxis(label="values of the tensor", scale="log"),
            FigureAxis(label="time over relu's", scale="log"),
            curves,
        )


def _ratio(runs: Runs, activation: str, width: int) -> Sample:
    return cost_over_relu(
        runs.where({"activation.name": activation, "network.hidden": [width]}),
    )


def _place(run: Run) -> str:
    about = run.environment
    return f"{about.get('device', '?')} {about.get('device_name', '')} torch {about.get('torch')}"


TEMPLATE = ActivationCost()
