"""What can go wrong in words of the domain. Each message says what to do next."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One field that cannot be accepted. `pointer` is a JSON Pointer (RFC 6901) into the body."""

    pointer: str
    detail: str


class DomainError(Exception):
    """Base of the errors that a user caused and can mend."""


class SpecRejected(DomainError):
    """The spec is well-formed but cannot be run: limits, or parts that do not fit together."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{e.pointer}: {e.detail}" for e in errors))
        self.errors = errors


class JobNotFound(DomainError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}. GET /v1/jobs lists the jobs that exist.")


class WeightsNotKept(DomainError):
    """The job ended with no weights that were kept, or has not ended."""

    def __init__(self, job_id: str, status: str) -> None:
        super().__init__(
            f"The job {job_id!r} is {status}. Final weights are kept of jobs that succeeded, "
            "unless they are larger than SUBGRAD_LARGEST_WEIGHTS_MB."
        )


class SweepNotFound(DomainError):
    """No sweep has this id."""

    def __init__(self, sweep_id: str) -> None:
        super().__init__(f"There is no sweep {sweep_id!r}. GET /v1/sweeps lists those that exist.")


class StudyNotFound(DomainError):
    """No study has this id."""

    def __init__(self, study_id: str) -> None:
        super().__init__(f"There is no study {study_id!r}. GET /v1/studies lists those that exist.")


class ReportNotWritten(DomainError):
    """The study has not concluded, or never will."""

    def __init__(self, study_id: str, status: str) -> None:
        super().__init__(
            f"The study {study_id!r} is {status}. Its report is written when it succeeds."
        )


class DatasetNotFound(DomainError):
    """No uploaded data set has this id."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(
            f"There is no data set {dataset_id!r}. GET /v1/datasets lists those that exist."
        )


class UploadRefused(DomainError):
    """The file is no data set that could be trained on. `pointer` says which parameter is wrong;
    empty: the file is."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.errors = [FieldError(pointer=pointer, detail=detail)]


class FormatUnavailable(DomainError):
    """Files of this kind could be read if a library were installed where the service runs."""


class MoveRefused(DomainError):
    """The job's state does not allow what was asked."""


class IdempotencyConflict(DomainError):
    """The Idempotency-Key was used before with another body."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} was used before with another body. "
            "Use a new key for a new job."
        )


class QueueFull(DomainError):
    """More jobs wait than this service takes."""

    def __init__(self, waiting: int, limit: int) -> None:
        super().__init__(
            f"{waiting:,} jobs wait already, and the limit here is {limit:,}. Nothing was stored: "
            "post again later, with the same Idempotency-Key if you sent one."
        )


class KeyNotFound(DomainError):
    """No API key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no key {key_id!r}. `subgrad keys ls` lists them.")


class KeyRefused(DomainError):
    """The API key opens nothing: unknown, expired or revoked."""


class InvalidData(DomainError):
    """The data set cannot be trained on as the spec asks."""


class ArtifactError(Exception):
    """Bytes that are kept in an object store cannot be had. No request is to blame."""


class ArtifactLost(ArtifactError):
    """The store answers, and the object is gone or is not what was written."""

    def __init__(self, url: str, how: str) -> None:
        super().__init__(
            f"The object {url} {how}. Restore it from a backup of the store; a data set can be "
            "uploaded again, and weights are made again by training the same spec."
        )


class StoreUnavailable(ArtifactError):
    """The object store does not answer, or does not let us in."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The object store at {where} cannot be used ({why}). Try again in a moment; "
            "`subgrad doctor` on a machine of the service says what to mend."
        )
