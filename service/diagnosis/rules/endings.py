"""How the job ended: failed, cancelled, interrupted, without training, diverged."""

from collections.abc import Iterator

from service.diagnosis import treatments
from service.diagnosis.history import History, is_number
from service.domain.diagnosis import Code, Evidence, Finding, Severity
from service.domain.states import JobStatus, Outcome, Reason

_WHY = {
    Reason.WORKER_LOST: "its workers fell silent or its training process died again and again",
    Reason.OUT_OF_MEMORY: "the training process ran out of memory",
    Reason.TIMEOUT: "its training process hung again and again",
    Reason.INVALID_DATA: "the data cannot be trained on as the spec asks",
    Reason.INTERNAL: "something is wrong with the service, not with the spec",
}
_NEXT = {
    Reason.OUT_OF_MEMORY: "Take a smaller batch or network; ?dry_run=true tells the bytes.",
    Reason.INVALID_DATA: "Mend the data or the spec's dataset and post a new job.",
    Reason.INTERNAL: "The worker's log has the trace; a retry may go through.",
}


def failed(history: History) -> Iterator[Finding]:
    """A job that has no result."""
    job = history.job
    if job.status is not JobStatus.FAILED or job.reason is None:
        return
    reached = _reached(history)
    detail = f" ({job.detail.rstrip('.')})" if job.detail else ""
    todo = _NEXT.get(job.reason, "POST …/retry queues it again.")
    yield history.finding(
        Code.FAILED,
        Severity.CRITICAL,
        f"The job failed because {_WHY.get(job.reason, job.reason.value)}{detail}; {reached}. "
        f"{todo}",
        [
            Evidence(quantity="attempt", value=job.attempt, note="tries until it was given up"),
            _last_epoch(history),
        ],
        treatments=[treatments.smaller_batch(job.spec)]
        if job.reason is Reason.OUT_OF_MEMORY
        else [],
        epochs=["train_loss"],
    )


def cancelled(history: History) -> Iterator[Finding]:
    """A job that its user ended."""
    if history.job.status is JobStatus.CANCELLED:
        yield history.finding(
            Code.CANCELLED,
            Severity.INFO,
            f"The job was cancelled; {_reached(history)}. What follows holds for what was trained.",
            [_last_epoch(history)],
            epochs=["train_loss"],
        )


def _reached(history: History) -> str:
    if history.last_epoch is None:
        return "nothing was measured, not even epoch 0"
    return f"it had reached epoch {history.last_epoch} of {history.job.spec.epochs}"


def _last_epoch(history: History) -> Evidence:
    note = "last epoch measured; null: none"
    return Evidence(quantity="epoch", value=history.last_epoch, note=note)


def interrupted(history: History) -> Iterator[Finding]:
    """Earlier attempts that did not come to the job's end."""
    lost = [move for move in history.moves if move.reason and move.status is JobStatus.QUEUED]
    if not lost:
        return
    reasons = ", ".join(dict.fromkeys(str(move.reason) for move in lost))
    yield history.finding(
        Code.INTERRUPTED,
        Severity.INFO,
        f"The job went back to the queue {len(lost)} time{'s' if len(lost) > 1 else ''} "
        f"({reasons}) and took {history.job.attempt} attempts. Its numbers are those of an "
        "undisturbed run.",
        [
            Evidence(quantity="attempt", value=move.attempt, note=f"ended by {move.reason}")
            for move in lost
        ],
    )


def not_trained(history: History) -> Iterator[Finding]:
    """epochs: 0, a look at the initialisation."""
    if history.job.spec.epochs == 0 and history.last_epoch == 0:
        yield history.finding(
            Code.NOT_TRAINED,
            Severity.INFO,
            "The job asked for no training (epochs: 0): what can be said is about its "
            "initialisation alone.",
            epochs=["train_loss", "dead_fraction"],
        )


def diverged(history: History) -> Iterator[Finding]:
    """A number that was not finite."""
    job = history.job
    if job.outcome is not Outcome.DIVERGED:
        return
    step = job.diverged_at_step or 0
    spec, last = job.spec, history.last_epoch
    finite = [(epoch, loss) for epoch, loss in history.points("train_loss") if epoch != last]
    if step == 0:
        told = "The initial weights or their loss were not finite"
        told += ": the data or the initialisation are too large for the precision."
    else:
        told = (
            f"The training diverged in step {step:,} (epoch {last}): loss, gradient or weights "
            f"were no finite numbers, at rate {spec.optimizer.learning_rate:g}"
        )
        told += f" in {spec.precision}." if spec.precision.endswith("16") else "."
    yield history.finding(
        Code.DIVERGED,
        Severity.CRITICAL,
        told,
        [
            Evidence(
                quantity="diverged_at_step", value=step, epoch=last, note="0: before any step"
            ),
            *(
                Evidence(quantity="train_loss", value=loss, epoch=epoch, note="last finite loss")
                for epoch, loss in finite[-1:]
            ),
            *_gradients_before(history),
        ],
        treatments=[
            treatments.single_precision(spec),
            treatments.lower_rate(spec),
            treatments.clipping(spec),
            treatments.warm_up(spec),
            treatments.lower_rate(spec, 0.01),
            treatments.standard_scaling(spec),
            treatments.fresh_start(spec),
            treatments.batch_norm(spec),
        ],
        epochs=["train_loss", "grad_norm_max", "learning_rate"],
    )


def _gradients_before(history: History) -> Iterator[Evidence]:
    for epoch, norm in history.points("grad_norm_max")[-3:]:
        note = "largest gradient norm of one of the last epochs in which it was finite"
        yield Evidence(quantity="grad_norm_max", value=norm, epoch=epoch, note=note)
    last = history.epochs["grad_norm_max"][-1]
    if last is not None and not is_number(last):
        note = "largest gradient norm of the last epoch"
        yield Evidence(quantity="grad_norm_max", value=last, epoch=history.last_epoch, note=note)
