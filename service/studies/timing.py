"""What activations cost, by an instrument whose repetitions are independent.

The `seconds` of an epoch are a whole cohort's: all its members tell the same number, so that seeds
are no repetitions of it, and cohorts differ in their company. Here each job times PyTorch's module
of its activation and of relu by turns, alone, and so measures both under the same load.
"""

from service.domain.base import JsonObject
from service.studies.evidence import Run, Runs
from service.studies.sample import Sample

TIMED: JsonObject = {
    "epochs": 0,
    "probes": {"unit_activity": False, "activation_cost": True},
}
"""What a spec is changed by to time its activation instead of training, on a tensor of its
mini-batch times its widest hidden layer."""

QUANTITY = "time of forward and backward over relu's"


def cost_over_relu(runs: Runs) -> Sample:
    """Both passes of the activation over both of relu, by repetition."""
    return runs.sample(_ratio)


def _ratio(run: Run) -> float | None:
    columns = ("activation_forward_s", "activation_backward_s", "relu_forward_s", "relu_backward_s")
    times = [run.last(column) for column in columns]
    if any(time is None for time in times):
        return None
    forward, backward, *relu = (float(time) for time in times if time is not None)
    return (forward + backward) / sum(relu)
