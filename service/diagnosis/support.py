"""What the studies of this service say about a treatment: their statements, and what these came to
at standard scale (docs/findings.md, which a test holds this table to)."""

from service.domain.diagnosis import StudyStatement, Support
from service.domain.findings import Verdict

_SUPPORTED, _REFUTED, _INCONCLUSIVE = (
    Verdict.SUPPORTED,
    Verdict.REFUTED,
    Verdict.INCONCLUSIVE,
)


def _remedy(name: str, dead: Verdict, accuracy: Verdict) -> dict[str, Verdict]:
    return {
        f"With {name} fewer units are dead.": dead,
        f"With {name} the network is more accurate.": accuracy,
    }


_KEPT_BY_RELU = {"With relu the gradient is kept from layer to layer (kaiming_normal).": _SUPPORTED}

STATEMENTS: dict[str, tuple[str, dict[str, Verdict]]] = {
    "leaky_relu": ("remedies", _remedy("leaky_relu", _SUPPORTED, _SUPPORTED)),
    "prelu": ("remedies", _remedy("prelu", _SUPPORTED, _SUPPORTED)),
    "rrelu": ("remedies", _remedy("rrelu", _SUPPORTED, _SUPPORTED)),
    "elu": ("remedies", _remedy("elu", _SUPPORTED, _SUPPORTED)),
    "batch_normalization": ("remedies", _remedy("batch_normalization", _SUPPORTED, _SUPPORTED)),
    "clipping": ("remedies", _remedy("clipping", _INCONCLUSIVE, _INCONCLUSIVE)),
    "warm_up": ("remedies", _remedy("warm_up", _SUPPORTED, _INCONCLUSIVE)),
    "lower_rate": (
        "dying-relu",
        {"The smallest rate kills less than one unit in a hundred.": _SUPPORTED},
    ),
    "relu": ("vanishing-gradient", _KEPT_BY_RELU),
    "kaiming_normal": ("vanishing-gradient", _KEPT_BY_RELU),
    "xavier_normal": (
        "vanishing-gradient",
        {
            "With sigmoid the gradient vanishes from layer to layer (xavier_normal).": _SUPPORTED,
            "With tanh the gradient vanishes from layer to layer (xavier_normal).": _REFUTED,
        },
    ),
    "randomized_asymmetric": (
        "born-dead",
        {"The asymmetric initialisation makes dead births rarer.": _SUPPORTED},
    ),
    "cosine": (
        "mse-versus-mae",
        {
            "A decaying step brings absolute error ten times nearer than the best constant one.": (
                _SUPPORTED
            )
        },
    ),
    "other_convention": ("relu-at-zero", {}),
}
"""By treatment: the study that tests it, and what it states of it. Nothing of a convention, whose
other value is no cure."""


def support(treatment: str, source: str) -> Support:
    """Of a treatment that a study tests, or of one that has its source alone."""
    study, statements = STATEMENTS.get(treatment, (None, {}))
    found = [StudyStatement(text=text, verdict=verdict) for text, verdict in statements.items()]
    return Support(study=study, source=source, statements=found)
