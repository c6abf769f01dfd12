"""Whether anything was learned, and whether it holds beyond the training part."""

from collections.abc import Iterator, Sequence

from service.diagnosis import thresholds, treatments
from service.diagnosis.history import History, Point
from service.domain.diagnosis import Code, Evidence, Finding, Severity
from service.domain.states import JobStatus, Outcome


def no_learning(history: History) -> Iterator[Finding]:
    """The loss did not fall, or the answers are no better than a guess."""
    losses = history.points("train_loss")
    if not _was_trained(history) or len(losses) < 2 or losses[0][1] == 0:
        return
    start, best = losses[0][1], min(loss for _, loss in losses[1:])
    gain = (start - best) / abs(start)
    chance, metric = _chance(history), history.points("train_metric")
    guesses = bool(metric) and metric[-1][1] <= chance + thresholds.CHANCE_MARGIN
    if gain >= thresholds.LEARNING_GAIN and (not guesses or _late_gain(losses) is not None):
        return
    spec = history.job.spec
    told = f"the training loss went from {start:.4g} to {losses[-1][1]:.4g}"
    if guesses:
        told += f", and the training metric is {metric[-1][1]:.3g} where guessing has {chance:.3g}"
    yield history.finding(
        Code.NO_LEARNING,
        Severity.CRITICAL,
        f"Nothing was learned in {history.trained_epochs} epochs: {told}.",
        [
            Evidence(
                quantity="train_loss",
                value=gain,
                epoch=losses[-1][0],
                threshold=thresholds.LEARNING_GAIN,
                note="share of the initial loss by which the best epoch lies below it",
            ),
            *(
                Evidence(
                    quantity="train_metric",
                    value=value,
                    epoch=epoch,
                    threshold=chance + thresholds.CHANCE_MARGIN,
                    note="accuracy or R² over the training part",
                )
                for epoch, value in metric[-1:]
            ),
        ],
        treatments=[
            treatments.higher_rate(spec),
            treatments.lower_rate(spec),
            treatments.adam(spec),
            treatments.standard_scaling(spec),
            treatments.fresh_start(spec),
        ],
        epochs=["train_loss", "train_metric"],
    )


def still_improving(history: History) -> Iterator[Finding]:
    """The loss was still falling when the epochs were over."""
    losses = history.points("train_loss")
    gain = _late_gain(losses)
    if not _was_trained(history) or gain is None:
        return
    spec = history.job.spec
    yield history.finding(
        Code.STILL_IMPROVING,
        Severity.WARNING,
        f"The training ended too early: {gain:.0%} of the whole fall of the loss fell in the last "
        f"quarter of its {history.trained_epochs} epochs.",
        [
            Evidence(
                quantity="train_loss",
                value=gain,
                epoch=losses[-1][0],
                threshold=thresholds.LATE_GAIN,
                note="fall over the last quarter of the epochs, as a share of the whole",
            )
        ],
        treatments=[
            treatments.more_epochs(spec),
            treatments.higher_rate(spec, 3.0),
            treatments.adam(spec),
        ],
        epochs=["train_loss"],
    )


def underfit(history: History) -> Iterator[Finding]:
    """More than a guess was learned, and too little, and it goes no further."""
    losses, metric = history.points("train_loss"), history.points("train_metric")
    if not _was_trained(history) or not metric or len(losses) <= thresholds.FEWEST_EPOCHS:
        return
    task = history.job.spec.dataset.task
    wanted = thresholds.R2_WANTED if task == "regression" else thresholds.ACCURACY_WANTED
    epoch, value = metric[-1]
    learned = value > _chance(history) + thresholds.CHANCE_MARGIN
    if not learned or value >= wanted or _late_gain(losses) is not None:
        return
    spec = history.job.spec
    yield history.finding(
        Code.UNDERFIT,
        Severity.WARNING,
        f"The network fits its own training part poorly (metric {value:.3g}) and was no longer "
        "improving.",
        [
            Evidence(
                quantity="train_metric",
                value=value,
                epoch=epoch,
                threshold=wanted,
                note="accuracy or R² over the training part",
            )
        ],
        treatments=[
            treatments.wider(spec),
            treatments.higher_rate(spec, 3.0),
            treatments.lower_rate(spec),
            treatments.adam(spec),
            treatments.standard_scaling(spec),
        ],
        epochs=["train_loss", "train_metric"],
    )


def overfit(history: History) -> Iterator[Finding]:
    """What was learned of the training part does not hold for the validation part."""
    evidence = [*_validation_rise(history), *_gap(history)]
    if not _was_trained(history) or not evidence:
        return
    spec = history.job.spec
    best, _ = min(history.points("validation_loss"), key=lambda point: point[1])
    told = "; ".join(one.note for one in evidence)
    yield history.finding(
        Code.OVERFIT,
        Severity.WARNING,
        f"The network fits its training part better than it generalises: {told}.",
        evidence,
        treatments=[
            treatments.fewer_epochs(spec, best),
            treatments.weight_decay(spec),
            treatments.batch_norm(spec),
            treatments.fresh_start(spec),
        ],
        epochs=["train_loss", "validation_loss", "train_metric", "validation_metric"],
    )


def _validation_rise(history: History) -> Iterator[Evidence]:
    validation, training = history.points("validation_loss"), dict(history.points("train_loss"))
    if len(validation) < 2:
        return
    best, smallest = min(validation, key=lambda point: point[1])
    last, final = validation[-1]
    fell = training.get(last, 0.0) < training.get(best, 0.0)
    if fell and smallest > 0 and final / smallest - 1 >= thresholds.OVERFIT_RISE:
        yield Evidence(
            quantity="validation_loss",
            value=final,
            epoch=last,
            threshold=smallest * (1 + thresholds.OVERFIT_RISE),
            note=f"the validation loss was smallest in epoch {best} ({smallest:.4g}) and rose by "
            f"{final / smallest - 1:.0%} from there while the training loss fell",
        )


def _gap(history: History) -> Iterator[Evidence]:
    training, validation = (history.points(f"{part}_metric") for part in ("train", "validation"))
    if not training or not validation:
        return
    (epoch, fit), (_, held) = training[-1], validation[-1]
    if fit - held >= thresholds.GENERALISATION_GAP:
        yield Evidence(
            quantity="validation_metric",
            value=held,
            epoch=epoch,
            threshold=fit - thresholds.GENERALISATION_GAP,
            note=f"the validation metric ends at {held:.3g} and the training metric at {fit:.3g}",
        )


def above_optimum(history: History) -> Iterator[Finding]:
    """A linear network that did not come to its exact optimum."""
    gaps = history.points("optimality_gap")
    if not _was_trained(history) or not gaps or gaps[-1][1] < thresholds.OPTIMALITY_GAP:
        return
    epoch, gap = gaps[-1]
    spec = history.job.spec
    yield history.finding(
        Code.ABOVE_OPTIMUM,
        Severity.WARNING,
        f"The linear network's loss is {gap:.2%} above its exact optimum after {epoch} epochs.",
        [
            Evidence(
                quantity="optimality_gap",
                value=gap,
                epoch=epoch,
                threshold=thresholds.OPTIMALITY_GAP,
                note="(train_loss − optimum) / optimum",
            )
        ],
        treatments=[
            treatments.more_epochs(spec),
            treatments.higher_rate(spec, 3.0),
            treatments.falling_rate(spec),
            treatments.standard_scaling(spec),
        ],
        epochs=["train_loss", "optimality_gap", "weight_distance"],
    )


def healthy(history: History) -> Finding:
    """For a training in which no rule found anything wrong."""
    first, last = history.points("train_loss")[0], history.points("train_loss")[-1]
    return history.finding(
        Code.HEALTHY,
        Severity.INFO,
        f"No rule found anything wrong: the training loss fell from {first[1]:.4g} to "
        f"{last[1]:.4g} in {history.trained_epochs} epochs.",
        [
            Evidence(quantity=name, value=points[-1][1], epoch=points[-1][0], note="at the end")
            for name in ("train_loss", "train_metric", "validation_metric", "dead_fraction")
            if (points := history.points(name))
        ],
        epochs=["train_loss", "train_metric", "validation_metric", "dead_fraction"],
    )


def _was_trained(history: History) -> bool:
    """To its end, or until its user stopped it: what diverged or failed is judged as such."""
    ended = history.job.status in (JobStatus.SUCCEEDED, JobStatus.CANCELLED)
    return ended and history.job.outcome is not Outcome.DIVERGED and history.trained_epochs > 0


def _chance(history: History) -> float:
    """The metric of a guess: 1 / classes (no label is known here), or R² 0."""
    dataset = history.job.spec.dataset
    return 0.0 if dataset.task == "regression" else 1 / dataset.output_count


def _late_gain(losses: Sequence[Point]) -> float | None:
    """The fall over the last quarter of the epochs as a share of the whole fall; None where that
    is below its threshold, or there are too few epochs to tell."""
    trained = len(losses) - 1
    if trained < thresholds.FEWEST_EPOCHS:
        return None
    start, end = losses[0][1], losses[-1][1]
    before = losses[-1 - trained // 4][1]
    if end >= start or start - end < thresholds.LEARNING_GAIN * abs(start):
        return None
    share = (before - end) / (start - end)
    return share if share >= thresholds.LATE_GAIN else None
