"""Events of training: JSON lines in and out, without losing a NaN."""

import json
import math
import struct

import pytest

from service.domain.events import (
    TRAINING_EVENT,
    EndEvent,
    EpochEvent,
    FailedEvent,
    StartedEvent,
    StoppedEvent,
    TrainingEvent,
    UnitActivity,
)
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS, EpochMetrics, LayerMetrics
from service.domain.states import Outcome, Reason


def epoch_event(loss: float | None) -> EpochEvent:
    epoch = dict.fromkeys(EPOCH_COLUMNS) | {"epoch": 1, "train_loss": loss, "kink_hits": 2**40}
    layer = dict.fromkeys(LAYER_COLUMNS) | {"epoch": 1, "layer": 0, "units": 2}
    return EpochEvent(
        member="job_1",
        step=10,
        metrics=EpochMetrics.model_validate(epoch),
        layers=[LayerMetrics.model_validate(layer | {"weight_norm": loss})],
        units=[UnitActivity.of_bytes(0, struct.pack("<2f", 0.5, 0.0), bytes([0, 1]))],
    )


EVENTS: list[TrainingEvent] = [
    StartedEvent(members=["job_1"], environment={"threads": 2, "device": "cpu"}),
    EndEvent(member="job_1", outcome=Outcome.DIVERGED, diverged_at_step=3),
    FailedEvent(member=None, reason=Reason.OUT_OF_MEMORY, detail="no memory"),
    StoppedEvent(member=None),
    epoch_event(None),
    epoch_event(math.inf),
    epoch_event(-math.inf),
    epoch_event(5e-324),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_a_line_of_json(event: TrainingEvent) -> None:
    line = event.model_dump_json()
    assert "\n" not in line
    assert TRAINING_EVENT.validate_json(line) == event


def test_nan_survives_a_line_of_json() -> None:
    read = TRAINING_EVENT.validate_json(epoch_event(math.nan).model_dump_json())
    assert isinstance(read, EpochEvent)
    assert read.metrics.train_loss is not None
    assert math.isnan(read.metrics.train_loss)
    assert read.metrics.dead_fraction is None


def test_lines_are_json_that_every_parser_accepts() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    line = epoch_event(math.nan).model_dump_json()
    assert json.loads(line, parse_constant=refuse)["metrics"]["train_loss"] == "NaN"
