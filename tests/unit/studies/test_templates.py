"""What all templates have in common. Runs without SciPy, as the API process does."""

import pytest

from service.domain.errors import SpecRejected
from service.domain.limits import Limits
from service.domain.study import Scale, StudySpec
from service.domain.sweep import axis_values
from service.studies import templates
from service.studies.planning import describe_briefly, plan_round, plan_study

EACH = pytest.mark.parametrize("name", templates())


@EACH
@pytest.mark.parametrize("scale", Scale)
def test_every_sweep_has_the_same_seeds_at_each_of_its_points(name: str, scale: Scale) -> None:
    template = templates()[name]
    options = template.options(scale, {})
    for sweep in template.plan(options).values():
        assert "seed" in sweep.axes
        seeds = set(axis_values(sweep.axes["seed"]))
        assert len(seeds) >= 2
        assert sweep.member_count % len(seeds) == 0


@EACH
@pytest.mark.parametrize("scale", Scale)
def test_the_first_round_of_every_scale_fits_the_queue(name: str, scale: Scale) -> None:
    template = templates()[name]
    sweeps = template.plan(template.options(scale, {})).values()
    assert sum(sweep.member_count for sweep in sweeps) <= Limits().max_members


@EACH
def test_the_quick_scale_may_run_here(name: str) -> None:
    planned = plan_study(
        StudySpec(template=name, overrides={}),
        Limits(),
        most_jobs=10_000,
        describe_options=describe_briefly,
        describe_member=describe_briefly,
    )
    assert planned.first_round
    for one in planned.first_round:
        assert one.sweep.name == f"{name}/{one.name}"
        assert {spec.name for spec, _ in one.members} == {one.sweep.name}


def test_only_the_study_that_compares_it_may_overwrite_the_gradient() -> None:
    relu, other = templates()["relu-at-zero"], templates()["sparsity"]
    assert [one.name for one in templates().values() if one.overwrites_gradient] == [relu.name]
    forms = {"forms": relu.plan(relu.options(Scale.QUICK, {}))["forms"]}
    (planned,) = plan_round(relu, forms, Limits(), describe_briefly)
    assert any(spec.activation.overwrites_gradient for spec, _ in planned.members)
    with pytest.raises(SpecRejected) as refused:
        plan_round(other, forms, Limits(), describe_briefly)
    assert "gradient_at_zero" in refused.value.errors[0].detail


@EACH
def test_options_survive_being_stored(name: str) -> None:
    template = templates()[name]
    for scale in Scale:
        options = template.options(scale, {"seeds": 7})
        assert options.seeds == 7
        assert template.options_of(options.model_dump(mode="json")) == options


def test_numbers_are_a_list_without_doubles() -> None:
    numbers = [one.number for one in templates().values()]
    assert numbers == sorted(set(numbers))
