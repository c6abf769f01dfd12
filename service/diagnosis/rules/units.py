"""What became of the hidden units: dead, dormant, saturated."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.diagnosis import thresholds, treatments
from service.diagnosis.history import History, LayerHistory, Point, settled_since
from service.domain.diagnosis import Code, Evidence, Finding, Severity, Treatment


def dead_layer(history: History) -> Iterator[Finding]:
    """A layer through which no gradient passes for any example: nothing below it can learn."""
    dead = [
        (layer, since)
        for layer in _layers_that_die(history)
        if (since := settled_since(layer.share("dead"), 1.0)) is not None
    ]
    if not dead:
        return
    told = ", ".join(
        f"hidden layer {layer.index} ({'since birth' if not since else f'since epoch {since}'})"
        for layer, since in dead
    )
    first = min(since for _, since in dead)
    yield history.finding(
        Code.DEAD_LAYER,
        Severity.CRITICAL,
        f"All units are dead in {told}: the network answers the same for every example, and no "
        "gradient reaches the weights below.",
        [
            Evidence(
                quantity="dead",
                value=layer.units,
                epoch=since,
                layer=layer.index,
                threshold=layer.units,
                note=f"of {layer.units} units, from this epoch to the end",
            )
            for layer, since in dead
        ],
        treatments=_born(history) if first == 0 else _killed(history),
        layers=["units", "dead"],
    )


def born_dead(history: History) -> Iterator[Finding]:
    """Units that were dead before the first step."""
    layers = _layers_that_die(history)
    share = _share_at(layers, "dead", 0)
    if share is None or share < thresholds.DEAD_SHARE:
        return
    critical = share >= thresholds.DEAD_SHARE_CRITICAL
    yield history.finding(
        Code.BORN_DEAD,
        Severity.CRITICAL if critical else Severity.WARNING,
        f"{share:.0%} of the hidden units were dead before any training: the initialisation put "
        "them out of reach of the data.",
        [_overall(share, 0, thresholds.DEAD_SHARE), *_by_layer(layers, "dead", 0)],
        treatments=_born(history),
        layers=["units", "dead"],
    )


def dead_units(history: History) -> Iterator[Finding]:
    """Units that died in training, those born dead subtracted; wholly dead layers are not here."""
    layers = [
        layer
        for layer in _layers_that_die(history)
        if settled_since(layer.share("dead"), 1.0) is None
    ]
    series = _shares(layers, "dead")
    if len(series) < 2:
        return
    born, (last, share) = series[0][1], series[-1]
    if share - born < thresholds.DEAD_SHARE:
        return
    critical = share - born >= thresholds.DEAD_SHARE_CRITICAL
    since = settled_since(series, born + thresholds.DEAD_SHARE)
    worst, rise = _steepest(series)
    yield history.finding(
        Code.DEAD_UNITS,
        Severity.CRITICAL if critical else Severity.WARNING,
        f"{share:.0%} of the hidden units are dead at the end, {born:.0%} were at the start: "
        f"{share - born:.0%} died in training, most of them ({rise:.0%}) in epoch {worst}.",
        [
            _overall(share - born, last, thresholds.DEAD_SHARE),
            Evidence(
                quantity="dead_fraction",
                value=rise,
                epoch=worst,
                note="share of units that this epoch killed, revivals subtracted",
            ),
            Evidence(quantity="epoch", value=since, note="the share is above its threshold since"),
            *_by_layer(layers, "dead", last),
        ],
        treatments=_killed(history),
        layers=["units", "dead"],
    )


def dormant_units(history: History) -> Iterator[Finding]:
    """Units that hardly contribute, and are not dead (Sokar et al. 2023)."""
    layers = history.layers
    dormant, dead = _shares(layers, "dormant"), dict(_shares(layers, "dead"))
    if not dormant or dormant[-1][0] not in dead:
        return
    last, share = dormant[-1]
    alive = share - dead[last]
    if alive < thresholds.DORMANT_SHARE:
        return
    spec = history.job.spec
    yield history.finding(
        Code.DORMANT_UNITS,
        Severity.WARNING,
        f"{alive:.0%} of the hidden units are dormant at the end without being dead: their mean "
        f"activity is at most {spec.probes.dormant_tau:g} of their layer's.",
        [
            Evidence(
                quantity="dormant_fraction",
                value=alive,
                epoch=last,
                threshold=thresholds.DORMANT_SHARE,
                note="of all hidden units, the dead ones subtracted",
            ),
            *_by_layer(layers, "dormant", last),
        ],
        treatments=_killed(history),
        layers=["units", "dormant", "dead"],
    )


def saturated_units(history: History) -> Iterator[Finding]:
    """Units of a bounded activation that lie on its flat ends; where the derivative is rounded to
    0 for every example they count as dead, and are the same thing further on."""
    spec = history.job.spec
    if spec.activation.name not in treatments.BOUNDED:
        return
    series = _shares(history.layers, "saturated", "dead")
    if not series or series[-1][1] < thresholds.SATURATED_SHARE:
        return
    last, share = series[-1]
    since = settled_since(series, thresholds.SATURATED_SHARE)
    critical = share >= thresholds.SATURATED_SHARE_CRITICAL
    yield history.finding(
        Code.SATURATED_UNITS,
        Severity.CRITICAL if critical else Severity.WARNING,
        f"{share:.0%} of the hidden units are saturated at the end, since epoch {since}: "
        f"{spec.activation.name} is flat where they lie, so they pass almost no gradient.",
        [
            Evidence(
                quantity="saturated_fraction",
                value=share,
                epoch=last,
                threshold=thresholds.SATURATED_SHARE,
                note="of all hidden units, those with derivative 0 included",
            ),
            *_by_layer(history.layers, "saturated", last),
            *_by_layer(history.layers, "dead", last),
        ],
        treatments=[
            treatments.standard_scaling(spec),
            treatments.fresh_start(spec),
            treatments.lower_rate(spec),
            treatments.batch_norm(spec),
            treatments.rectifier(spec),
            treatments.clipping(spec),
        ],
        layers=["units", "saturated", "dead"],
    )


def _layers_that_die(history: History) -> list[LayerHistory]:
    """Bounded activations saturate instead: see `saturated_units`."""
    return [] if history.job.spec.activation.name in treatments.BOUNDED else history.layers


def _killed(history: History) -> list[Treatment | None]:
    """Those of which the study of remedies found that fewer units die."""
    spec = history.job.spec
    return [
        treatments.lower_rate(spec),
        treatments.leaky_relu(spec),
        treatments.batch_norm(spec),
        treatments.prelu(spec),
        treatments.rrelu(spec),
        treatments.elu(spec),
        treatments.warm_up(spec),
    ]


def _born(history: History) -> list[Treatment | None]:
    spec = history.job.spec
    return [
        treatments.fresh_start(spec),
        treatments.asymmetric_start(spec),
        treatments.standard_scaling(spec),
        treatments.leaky_relu(spec),
        treatments.batch_norm(spec),
        treatments.prelu(spec),
        treatments.rrelu(spec),
        treatments.elu(spec),
    ]


def _shares(layers: Sequence[LayerHistory], *names: str) -> list[Point]:
    """Of the units of all these layers, by epoch; epochs at which one cannot be judged are out."""
    units = sum(layer.units for layer in layers)
    counts: dict[int, list[float]] = {}
    for layer in layers:
        for epoch, share in layer.share(*names):
            counts.setdefault(epoch, []).append(share * layer.units)
    return [
        (epoch, sum(found) / units)
        for epoch, found in sorted(counts.items())
        if len(found) == len(layers)
    ]


def _share_at(layers: Sequence[LayerHistory], name: str, epoch: int) -> float | None:
    return dict(_shares(layers, name)).get(epoch)


def _steepest(series: Sequence[Point]) -> tuple[int, float]:
    """The epoch over which the share rose most, and by how much."""
    rises = [(later - earlier, epoch) for (_, earlier), (epoch, later) in pairwise(series)]
    rise, epoch = max(rises, key=lambda one: one[0])
    return epoch, rise


def _overall(share: float, epoch: int, threshold: float) -> Evidence:
    return Evidence(
        quantity="dead_fraction",
        value=share,
        epoch=epoch,
        threshold=threshold,
        note="of all hidden units" if epoch == 0 else "of all hidden units, died in training",
    )


def _by_layer(layers: Sequence[LayerHistory], name: str, epoch: int) -> Iterator[Evidence]:
    for layer in layers:
        count = dict(layer.points(name)).get(epoch)
        if count:
            note = f"of {layer.units} units"
            yield Evidence(quantity=name, value=count, epoch=epoch, layer=layer.index, note=note)
