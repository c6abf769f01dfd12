"""What a job or a sweep would be, had it been posted."""

from typing import Annotated

from pydantic import Field

from service.domain.base import DomainModel
from service.domain.job import SpecWarning


class Throughput(DomainModel):
    """What an estimate of seconds rests on: stacks of this installation's newest finished jobs."""

    stacks: Annotated[int, Field(description="Stacks of networks looked at: the most alike ones")]
    flops_per_second: Annotated[
        float, Field(description="Their median, of one lane (the thread that trains a stack)")
    ]
    lanes: Annotated[int, Field(description="Lanes that train side by side, in one slot")]


class _Costs(DomainModel):
    steps: Annotated[int, Field(description="Optimizer steps, of all members together")]
    flops: Annotated[
        int,
        Field(
            description="Floating-point operations of the matrix products, of all members together:"
            " training (forward, gradients of weights and inputs) and the passes that measure"
        ),
    ]
    memory_bytes: Annotated[
        int,
        Field(
            description="Parameters, gradients, optimizer state, data and one batch's activations "
            "that a worker holds at a time; without PyTorch itself"
        ),
    ]
    estimated_seconds: Annotated[
        float | None,
        Field(
            description="Of training alone: no waiting, no loading. null: no job of this precision "
            "and device has been trained here, so nothing is known"
        ),
    ]
    measured: Annotated[
        Throughput | None, Field(description="What the estimate rests on, for the largest cohort")
    ]


class JobPlan(_Costs):
    """What `POST /v1/jobs` would queue. Nothing was stored."""

    parameters: int
    warnings: list[SpecWarning]


class MemberWarning(SpecWarning):
    """The same warning of one or more members; told of the first."""

    members: Annotated[int, Field(description="Members that it holds for")]


class SweepPlan(_Costs):
    """What `POST /v1/sweeps` would queue. Nothing was stored."""

    members: int
    cohorts: Annotated[
        int, Field(description="Groups that train as one program, with nothing else in the queue")
    ]
    largest_cohort: int
    slots: Annotated[
        int, Field(description="Cohorts at a time: slots of the workers that live now, at least 1")
    ]
    parameters: Annotated[int, Field(description="Of the largest member")]
    warnings: list[MemberWarning]
