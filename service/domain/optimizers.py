"""The optimizers: constants and defaults of their namesakes in `torch.optim`. Knows no tensors."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from service.domain.base import SpecModel
from service.domain.schedules import AnySchedule, ConstantSchedule
from service.domain.variants import tagged

LearningRate = Annotated[float, Field(ge=0)]
WeightDecay = Annotated[
    float, Field(ge=0, description="L2 penalty, added to the gradient as in torch.optim.")
]
Momentum = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(SpecModel):
    """What every optimizer takes."""

    name: str
    learning_rate: LearningRate
    weight_decay: WeightDecay = 0.0
    # Made anew: generators of clients cannot read an object as a default in the API's document.
    schedule: Annotated[AnySchedule, BeforeValidator(tagged("name", "constant"))] = Field(
        default_factory=ConstantSchedule
    )
    clip_grad_norm: Annotated[
        float | None,
        Field(gt=0, description="Largest norm of the gradient over all layers; null: no limit."),
    ] = None


class Sgd(Optimizer):
    """torch.optim.SGD."""

    name: Literal["sgd"] = "sgd"
    momentum: Momentum = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "Sgd":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Adam(Optimizer):
    """torch.optim.Adam (Kingma and Ba 2015)."""

    name: Literal["adam"]
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0)] = 1e-8


class AdamW(Optimizer):
    """torch.optim.AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    weight_decay: Annotated[
        float,
        Field(ge=0, description="Times the rate, what each step takes off every parameter."),
    ] = 0.01
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0)] = 1e-8


class RmsProp(Optimizer):
    """torch.optim.RMSprop, not centred (Tieleman and Hinton 2012)."""

    name: Literal["rmsprop"]
    alpha: Annotated[float, Field(ge=0, lt=1, description="Share of the past in the squares.")] = (
        0.99
    )
    eps: Annotated[float, Field(gt=0)] = 1e-8
    momentum: Momentum = 0.0


AnyOptimizer = Annotated[
    Annotated[Sgd | Adam | AdamW | RmsProp, Field(discriminator="name")],
    BeforeValidator(tagged("name", "sgd")),
]
