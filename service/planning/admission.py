"""Whether a well-formed spec may run here (`check`), and what its author may not have meant
(`warn`)."""

from collections.abc import Iterator

from service.domain.datasets import Declared, Synthetic
from service.domain.errors import FieldError
from service.domain.job import SpecWarning
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.planning.trainability import weigh


def check(spec: JobSpec, limits: Limits, *, overwriting: bool = False) -> list[FieldError]:
    """Every reason against the spec; none means that it may be queued. `overwriting`: for a study
    that compares the two forms of a convention, and whose report says what its jobs are."""
    reserved = () if overwriting else _reserved(spec)
    return [*_exceeded(spec, limits), *_misfits(spec), *_blind_probes(spec), *reserved]


def _blind_probes(spec: JobSpec) -> Iterator[FieldError]:
    for probe, why in spec.blind_probes():
        yield FieldError(pointer=f"/probes/{probe}", detail=why)


def _reserved(spec: JobSpec) -> Iterator[FieldError]:
    """What is no training that anybody should take for one."""
    if spec.activation.overwrites_gradient:
        yield FieldError(
            pointer="/activation/gradient_at_zero",
            detail="overwrite drops the chain rule, so what arrives at the layers below is no "
            "gradient of the loss; only jobs of the study relu-at-zero, which compares the two, "
            "may ask for it. Leave it out, or POST /v1/studies",
        )


def _exceeded(spec: JobSpec, limits: Limits) -> Iterator[FieldError]:
    dataset, hidden = spec.dataset, spec.network.hidden_widths
    fields = spec.network.hidden_fields
    sizes = [
        ("/epochs", "epochs", spec.epochs, limits.max_epochs),
        ("/batch_size", "examples in a batch", spec.batch_size, limits.max_batch_size),
        *(
            (f"/network{field}", "units in a layer", width, limits.max_units)
            for field, width in zip(fields, hidden, strict=True)
        ),
        ("/network", "parameters", spec.parameter_count, limits.max_parameters),
    ]
    if fields:
        place = f"/network{fields[0].removesuffix('/0')}"
        sizes.insert(2, (place, "hidden layers", len(hidden), limits.max_layers))
    examples = min(spec.batch_size, spec.training_examples)
    sizes += [
        (
            "/network",
            "examples of a mini-batch times positions times inputs of a convolution",
            examples * layer.positions * layer.fan_in,
            limits.max_window_values,
        )
        for layer in spec.layer_sizes
        if layer.kernel_size is not None
    ]
    if isinstance(dataset, Synthetic | Declared):
        values = dataset.example_count * dataset.feature_count
        place = "/dataset/size" if isinstance(dataset, Synthetic) else "/dataset/examples"
        sizes += [
            (place, "examples", dataset.example_count, limits.max_examples),
            ("/dataset", "examples times features", values, limits.max_values),
        ]
    for pointer, what, value, limit in sizes:
        if value > limit:
            yield FieldError(
                pointer=pointer, detail=f"{value:,} {what}; the limit here is {limit:,}"
            )


def _misfits(spec: JobSpec) -> Iterator[FieldError]:
    dataset, loss = spec.dataset, spec.loss
    if dataset.task not in loss.tasks:
        yield FieldError(
            pointer="/loss/name",
            detail=f"{loss.name} is a loss for {' or '.join(loss.tasks)}, and {dataset.name} is a "
            f"{dataset.task} data set; GET /v1/catalog lists the losses that fit",
        )
    misfit = spec.network.misfit(dataset.image)
    if misfit is not None:
        yield FieldError(
            pointer="/network/kind", detail=f"{misfit}; GET /v1/catalog lists the data sets"
        )
    if spec.training_examples < 1:
        yield FieldError(
            pointer="/dataset/validation_fraction", detail="leaves no example for training"
        )
    elif misfit is None and spec.normalizes_single_values:
        yield FieldError(
            pointer="/batch_size" if spec.training_examples > 1 else "/network/normalization",
            detail=f"of {spec.training_examples:,} training examples the last mini-batch of an "
            "epoch would have 1, and batch normalization needs at least 2 for a variance; choose "
            "another batch_size, or another normalization",
        )
    classes = dataset.output_count
    if dataset.task == "classification":
        parts = {"training": spec.training_examples, "validation": spec.validation_examples}
        for part, examples in parts.items():
            if 0 < examples < classes:
                yield FieldError(
                    pointer="/dataset/validation_fraction",
                    detail=f"the {part} part would have {examples} examples for {classes} "
                    "classes; a stratified split needs one of each",
                )


def warn(spec: JobSpec) -> list[SpecWarning]:
    """What is legal, and still worth a second look."""
    return [*_warnings(spec), *weigh(spec)]


def _warnings(spec: JobSpec) -> Iterator[SpecWarning]:
    if spec.activation.outside_subdifferential:
        left, right = sorted(spec.activation.slopes_at_zero or ())
        yield SpecWarning(
            code="outside_subdifferential",
            pointer="/activation/derivative_at_zero",
            detail=f"{spec.activation.convention} is no element of the Clarke subdifferential "
            f"[{left:g}, {right:g}] of {spec.activation.name} at 0",
        )
    if spec.loss.outside_subdifferential:
        left, right = sorted(spec.loss.slopes_at_zero or ())
        yield SpecWarning(
            code="outside_subdifferential",
            pointer="/loss/derivative_at_zero",
            detail=f"{spec.loss.convention} is no element of the Clarke subdifferential "
            f"[{left:g}, {right:g}] of {spec.loss.kinked_term}",
        )
    if not spec.network.hidden_widths and spec.activation.name != "identity":
        yield SpecWarning(
            code="activation_unused",
            pointer="/activation",
            detail="a linear network has no hidden layer, so no activation is applied",
        )
    if spec.batch_size > spec.training_examples:
        yield SpecWarning(
            code="batch_exceeds_data",
            pointer="/batch_size",
            detail=f"the training part has {spec.training_examples} examples: every step takes "
            "all of them",
        )
