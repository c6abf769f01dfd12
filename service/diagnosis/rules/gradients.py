"""What became of the gradients on their way down, and of the steps they made."""

import math
import statistics
from collections.abc import Iterator

from service.diagnosis import thresholds, treatments
from service.diagnosis.history import History, Point, is_number
from service.domain.diagnosis import Code, Evidence, Finding, Severity


def vanishing(history: History) -> Iterator[Finding]:
    """Gradients that are smaller in the first hidden layer than in the last."""
    ratios = _depth_ratios(history)
    small = [point for point in ratios if point[1] < thresholds.VANISHING_RATIO]
    if not small or len(small) < len(ratios) / 2:
        return
    middle = statistics.median(ratio for _, ratio in small)
    spec, depth = history.job.spec, len(history.layers)
    critical = middle < thresholds.VANISHING_RATIO_CRITICAL
    yield history.finding(
        Code.VANISHING_GRADIENT,
        Severity.CRITICAL if critical else Severity.WARNING,
        f"Per weight, the gradient of the first hidden layer is {middle:.2g} of the last one's: "
        f"it vanishes over {depth} layers, in {len(small)} of {len(ratios)} epochs from epoch "
        f"{small[0][0]} on.",
        [_ratio(middle, small[0][0], thresholds.VANISHING_RATIO), *_profile(history, small[0][0])],
        treatments=[
            treatments.rectifier(spec),
            treatments.batch_norm(spec),
            treatments.fresh_start(spec),
            treatments.adam(spec),
        ],
        layers=["grad_norm_mean"],
    )


def exploding(history: History) -> Iterator[Finding]:
    """Gradients that are not finite, leap in time, or grow on their way down."""
    evidence = [*_not_finite(history), *_spike(history), *_grows_downwards(history)]
    if not evidence:
        return
    spec, first = history.job.spec, evidence[0]
    yield history.finding(
        Code.EXPLODING_GRADIENT,
        Severity.WARNING,
        f"The gradient exploded in epoch {first.epoch}: {first.note}.",
        evidence,
        treatments=[
            treatments.clipping(spec),
            treatments.lower_rate(spec),
            treatments.warm_up(spec),
            treatments.batch_norm(spec),
            treatments.fresh_start(spec),
        ],
        epochs=["grad_norm_mean", "grad_norm_max"],
    )


def large_steps(history: History) -> Iterator[Finding]:
    """Steps that are long beside the weights that they change."""
    found = [
        (ratio, epoch, layer.index)
        for layer in history.layers
        for epoch, ratio in layer.points("update_ratio")
        if ratio >= thresholds.LARGE_STEP
    ]
    if not found:
        return
    ratio, epoch, layer = max(found)
    spec = history.job.spec
    yield history.finding(
        Code.LARGE_STEPS,
        Severity.INFO,
        f"In epoch {epoch} a step changed hidden layer {layer} by {ratio:.0%} of its weights on "
        "average; 0.1% is usual.",
        [
            Evidence(
                quantity="update_ratio",
                value=ratio,
                epoch=epoch,
                layer=layer,
                threshold=thresholds.LARGE_STEP,
                note="length of a step over that of the weights, mean of the epoch's steps",
            )
        ],
        treatments=[treatments.lower_rate(spec), treatments.warm_up(spec)],
        layers=["update_ratio"],
    )


def _depth_ratios(history: History) -> list[Point]:
    """Per epoch, the root mean square over the weights of the first hidden layer's gradient over
    that of the last. Epochs in which a layer is wholly dead are left out: that is what blocks the
    gradient there."""
    layers = history.layers
    if len(layers) < 2:
        return []
    first, last = layers[0], layers[-1]
    sizes = history.job.spec.layer_sizes
    weights = [(sizes[i].fan_in + 1) * sizes[i].units for i in (first.index, last.index)]
    scale = math.sqrt(weights[1] / weights[0])
    blocked = {epoch for layer in layers for epoch, share in layer.share("dead") if share == 1}
    below = dict(last.points("grad_norm_mean"))
    return [
        (epoch, norm / below[epoch] * scale)
        for epoch, norm in first.points("grad_norm_mean")
        if below.get(epoch) and epoch not in blocked
    ]


def _ratio(value: float, epoch: int, threshold: float) -> Evidence:
    return Evidence(
        quantity="first over last hidden layer",
        value=value,
        epoch=epoch,
        threshold=threshold,
        note="ratio of the gradients' root mean squares over the weights, median of the epochs",
    )


def _profile(history: History, epoch: int) -> Iterator[Evidence]:
    for layer in history.layers:
        norm = dict(layer.points("grad_norm_mean")).get(epoch)
        if norm is not None:
            note = "gradient norm of the layer, mean of the epoch's steps"
            yield Evidence(
                quantity="grad_norm_mean", value=norm, epoch=epoch, layer=layer.index, note=note
            )


def _not_finite(history: History) -> Iterator[Evidence]:
    for epoch, norm in zip(history.epochs["epoch"], history.epochs["grad_norm_max"], strict=True):
        if norm is not None and not is_number(norm):
            note = "the gradient's norm is no finite number"
            yield Evidence(quantity="grad_norm_max", value=norm, epoch=epoch, note=note)
            return


def _spike(history: History) -> Iterator[Evidence]:
    largest, means = dict(history.points("grad_norm_max")), history.points("grad_norm_mean")
    for at in range(1, len(means)):
        epoch = means[at][0]
        usual = statistics.median(mean for _, mean in means[:at])
        if usual > 0 and largest.get(epoch, 0.0) >= thresholds.GRADIENT_SPIKE * usual:
            yield Evidence(
                quantity="grad_norm_max",
                value=largest[epoch],
                epoch=epoch,
                threshold=thresholds.GRADIENT_SPIKE * usual,
                note=f"a mini-batch's gradient was {largest[epoch] / usual:.3g} times the median "
                "of the epochs before",
            )
            return


def _grows_downwards(history: History) -> Iterator[Evidence]:
    ratios = _depth_ratios(history)
    large = [point for point in ratios if point[1] > thresholds.EXPLODING_RATIO]
    if large and len(large) >= len(ratios) / 2:
        middle = statistics.median(ratio for _, ratio in large)
        found = _ratio(middle, large[0][0], thresholds.EXPLODING_RATIO)
        note = (
            f"per weight it is {middle:.3g} times as large in the first hidden layer as in the last"
        )
        yield found.model_copy(update={"note": note})
