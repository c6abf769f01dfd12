"""When units died and revived, against the definitions in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.lifecycle import Dead, irreversible_fraction, lifecycle

D, A, U = True, False, None


@pytest.mark.parametrize(
    ("dead", "died", "revived"),
    [
        ([], [], []),
        ([A, A, A], [], []),
        ([D, D, D], [0], []),
        ([A, D, D], [10], []),
        ([D, A, D], [0, 20], [10]),
        ([A, U, D], [20], []),
        ([D, U, D], [0], []),
        ([D, U, A], [0], [20]),
        ([U, U, U], [], []),
    ],
)
def test_a_life_is_its_deaths_and_revivals(
    dead: list[Dead], died: list[int], revived: list[int]
) -> None:
    life = lifecycle([0, 10, 20][: len(dead)], dead)
    assert (life.died, life.revived) == (died, revived)


@pytest.mark.parametrize(
    ("rows", "fraction"),
    [
        ([], None),
        ([[D, A]], None),
        ([[A, A], [D, D]], None),
        ([[D, A], [D, A]], 1.0),
        ([[D, D, A], [A, D, D]], 0.5),
        ([[D], [A], [A]], 0.0),
        ([[D, D], [U, U]], None),
        ([[D, A], [D, U]], 1.0),
        ([[U, A], [D, D]], None),
    ],
)
def test_deaths_are_irreversible_by_the_end(rows: list[list[Dead]], fraction: float | None) -> None:
    assert irreversible_fraction(rows) == fraction


@given(st.lists(st.booleans(), min_size=1))
def test_deaths_and_revivals_alternate(dead: list[bool]) -> None:
    life = lifecycle(range(len(dead)), dead)
    assert len(life.died) - len(life.revived) == dead[-1]
    turns = sorted(life.died + life.revived)
    assert turns[::2] == life.died
    assert turns[1::2] == life.revived
