"""What commands are tried on."""

import json

from tests.specs import SMALL
from tests.stack import digits_spec

LONG = digits_spec(epochs=10_000)
SPEC = json.dumps(SMALL)


SWEEP = json.dumps(
    {
        "base": SMALL,
        "axes": {"optimizer.learning_rate": {"logspace": [0.001, 1e30, 8]}, "seed": {"range": 3}},
    }
)
