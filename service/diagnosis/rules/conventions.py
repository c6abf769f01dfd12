"""Whether the value chosen for the derivative at a kink changed anything."""

from collections.abc import Iterator

from service.diagnosis import treatments
from service.diagnosis.history import History
from service.domain.diagnosis import Code, Evidence, Finding, Severity


def convention_mattered(history: History) -> Iterator[Finding]:
    """A gradient that another convention would have made another one."""
    effective = history.total("kink_effective"), history.total("loss_kink_effective")
    if not sum(effective):
        return
    hits = history.total("kink_hits"), history.total("loss_kink_hits")
    epoch, step = history.points("first_effective_step")[0]
    parts = [
        f"{changed:,} of {met:,} hits of the {kink}'s kink"
        for kink, changed, met in zip(("activation", "loss"), effective, hits, strict=True)
        if changed
    ]
    yield history.finding(
        Code.CONVENTION_MATTERED,
        Severity.INFO,
        f"The derivative's value at the kink mattered: {' and '.join(parts)} had a gradient to "
        f"pass on, the first in step {step:,} (epoch {epoch}). With another convention the weights "
        f"would differ from there on, in {history.job.spec.precision}.",
        [
            Evidence(
                quantity="first_effective_step",
                value=step,
                epoch=epoch,
                note="first step with a hit that had a gradient to pass on",
            ),
            *_totals("kink", hits[0], effective[0]),
            *_totals("loss_kink", hits[1], effective[1]),
            *_by_layer(history),
        ],
        treatments=[treatments.other_convention(history.job.spec)] if effective[0] else [],
        epochs=["kink_hits", "kink_effective", "loss_kink_effective", "first_effective_step"],
    )


def _totals(kink: str, hits: int, effective: int) -> Iterator[Evidence]:
    if hits:
        yield Evidence(quantity=f"{kink}_hits", value=hits, note="sum over the epochs")
        yield Evidence(quantity=f"{kink}_effective", value=effective, note="sum over the epochs")


def _by_layer(history: History) -> Iterator[Evidence]:
    for layer in history.layers:
        met = [(epoch, count) for epoch, count in layer.points("kink_effective") if count]
        if met:
            yield Evidence(
                quantity="kink_effective",
                value=sum(count for _, count in met),
                epoch=met[0][0],
                layer=layer.index,
                note="sum over the epochs, from this one on",
            )
