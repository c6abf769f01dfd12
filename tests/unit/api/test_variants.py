"""The members of the spec's unions."""

from typing import Annotated

from service.domain.activations import Activation, AnyActivation
from service.domain.base import SpecModel
from service.domain.networks import AnyNetwork, Cnn, Linear, Mlp
from service.domain.schedules import ConstantSchedule
from service.domain.variants import models_in, variants


def test_the_members_of_a_union_are_found_by_tag() -> None:
    assert variants(AnyNetwork, "kind", SpecModel) == {
        "linear": Linear,
        "mlp": Mlp,
        "cnn": Cnn,
    }


def test_each_tag_makes_its_member() -> None:
    for tag, model in variants(AnyActivation, "name", Activation).items():
        assert model.model_validate({"name": tag}).name == tag


def test_one_model_is_a_union_of_one() -> None:
    assert models_in(ConstantSchedule, SpecModel) == (ConstantSchedule,)
    assert models_in(Annotated[ConstantSchedule, "a note"], SpecModel) == (ConstantSchedule,)
    assert models_in(list[int] | None, SpecModel) == ()
