"""The only reader of the environment. Every setting has a default that works on a bare machine."""

import hashlib
import ipaddress
import os
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.domain.limits import Limits


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine's own, reached by nobody else."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


LogFormat = Literal["console", "json"]

SECRETS = ("database_url", "broker_url", "api_key", "metrics_key")
"""Settings that may also stand in a file: `SUBGRAD_DATABASE_URL_FILE` names it, and so on."""


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads what `SUBGRAD_…_FILE` names: so that a secret stands in no environment."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        file = os.environ.get(f"SUBGRAD_{field_name}_FILE".upper(), "")
        if field_name not in SECRETS or not file:
            return None, field_name, False
        try:
            return Path(file).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            variable = f"SUBGRAD_{field_name}_FILE".upper()
            raise ValueError(f"{variable}: cannot read {file}: {error.strerror}") from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Read from `SUBGRAD_…`; the README lists them (a test compares)."""

    model_config = SettingsConfigDict(
        env_prefix="SUBGRAD_", env_nested_delimiter="__", env_ignore_empty=True, frozen=True
    )

    home: Path = Field(Path(".subgrad"), description="Data folder of the embedded default")
    host: str = Field("127.0.0.1", description="Address the API listens on")
    published_host: str = Field(
        "", description="Address under which others reach the API; empty: the one it listens on"
    )
    allowed_hosts: str = Field(
        "",
        description="Names, joined by commas, that a keyless API answers to besides this machine's",
    )
    cors_origins: str = Field(
        "", description="Origins, joined by commas, whose pages may read answers; empty: none"
    )
    port: int = Field(8000, ge=0, le=65_535, description="Port the API listens on")
    api_processes: int = Field(
        1, ge=1, le=64, description="Processes that serve the API together, each up to a core"
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL; empty: a SQLite file in the home folder"
    )
    artifacts_url: str = Field(
        "",
        description="Object store of uploads, weights and checkpoints, an fsspec URL such as "
        "`s3://bucket/subgrad`; empty: the database",
    )
    broker_url: str = Field(
        "", description="Celery broker URL; empty: a private Valkey on a socket in the home folder"
    )
    queue: str = Field("subgrad", min_length=1, description="Name of the Celery queue")
    worker_slots: int = Field(
        1, ge=1, le=64, description="Cohorts that a worker without a GPU trains at a time"
    )
    gpus: str = Field(
        "auto", description="GPUs, each a slot: UUIDs with commas, or `none`; `auto`: all of them"
    )
    worker_threads: int = Field(
        0, ge=0, description="Threads of each slot; 0: the machine's cores divided by the slots"
    )
    cohort_size: int = Field(64, ge=1, le=4096, description="Most jobs claimed as one cohort")
    lease_s: float = Field(
        30.0, gt=0, le=86_400, description="Seconds after which a silent worker loses jobs"
    )
    max_attempts: int = Field(3, ge=1, description="Tries of a job before it fails as worker_lost")
    max_queued_jobs: int = Field(
        10_000, ge=1, description="Waiting jobs beyond which POST answers 429"
    )
    rate: str = Field(
        "100/second",
        description="Requests of one API key beyond which it is answered 429; none: no bound",
    )
    request_timeout_s: float = Field(
        60.0, gt=0, description="Seconds within which a client must have sent its whole request"
    )
    audit_days: float = Field(
        365.0, ge=0, description="Days after which a line of the audit log is removed; 0: never"
    )
    max_running_per_owner: int = Field(
        0, ge=0, description="Jobs of one owner that run at a time; 0: any number"
    )
    trainer_memory_mb: int = Field(
        0, ge=0, description="Memory that a training process may allocate; 0: the machine decides"
    )
    trainer_growth_mb: int = Field(
        1024, ge=1, description="Growth of an idle training process after which a new one starts"
    )
    checkpoint_s: float = Field(
        30.0, gt=0, description="Least seconds between two checkpoints of a cohort"
    )
    largest_weights_mb: int = Field(
        64, ge=0, le=512, description="Largest checkpoint or final weights that are kept"
    )
    upload_cache_mb: int = Field(
        1024, ge=0, description="Files of uploaded data sets that a worker keeps for long"
    )
    cancel_grace_s: float = Field(
        5.0, ge=0, description="Seconds a training process has to obey before it is killed"
    )
    hang_s: float = Field(
        600.0,
        ge=0,
        description="Seconds after which a training process that tells and does nothing is killed "
        "and its jobs tried again; 0: never",
    )
    deaf_after_s: float = Field(
        60.0, gt=0, description="Seconds after which an idle worker that hears nothing ends itself"
    )
    republish_s: float = Field(
        15.0,
        gt=0,
        description="Seconds after which a waiting job is announced again, and between looks of an "
        "idle worker",
    )
    idempotency_s: float = Field(
        86_400.0, gt=0, description="Seconds after which an Idempotency-Key may be used for another"
    )
    poll_s: float = Field(
        0.05,
        gt=0,
        le=10,
        description="Seconds between looks at the database by the relay, and by streams that hear "
        "no hints",
    )
    metrics_key: str = Field(
        "", repr=False, description="Key that opens `/metrics` and nothing else; empty: none"
    )
    traces_url: str = Field(
        "", description="OTLP collector that spans are sent to, over HTTP; empty: no traces"
    )
    log_format: LogFormat = Field("console", description="Form of log lines")
    url: str = Field(
        "", description="Service that `subgrad` speaks to; empty: the one on this host and port"
    )
    api_key: str = Field("", repr=False, description="Key that `subgrad` sends; empty: none")
    limits: Limits = Field(
        default_factory=Limits, description="How large a job may be: `SUBGRAD_LIMITS__MAX_EPOCHS` …"
    )

    @field_validator("artifacts_url")
    @classmethod
    def _is_a_place(cls, given: str) -> str:
        if given and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^@?#]*[^@?#/][^@?#]*", given):
            raise ValueError(
                f"{given!r} is no place of objects, such as s3://bucket/subgrad or "
                "file:///var/lib/subgrad/objects. Who may use it is told by the store's own "
                "variables (AWS_ACCESS_KEY_ID, …), never by the URL."
            )
        return given

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, given: str) -> str:
        for one in (one.strip() for one in given.split(",") if one.strip()):
            if not re.fullmatch(r"https?://[^/\s*]+", one):
                raise ValueError(f"{one!r} is no origin, such as https://lab.example")
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @cached_property
    def resolved_home(self) -> Path:
        return self.home.expanduser().resolve()

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Such as `https://lab.example`."""
        return frozenset(one.strip() for one in self.cors_origins.split(",") if one.strip())

    @property
    def data_home(self) -> Path:
        """Where workers keep data sets that come from elsewhere. May be deleted at any time."""
        return self.resolved_home / "datasets"

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.resolved_home / 'subgrad.sqlite3'}"

    @property
    def local_url(self) -> str:
        """Where the API of this machine is reached: what listens everywhere, on loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_exposed(self) -> bool:
        """Whether others than this machine's users can reach the API: then it needs keys."""
        return not is_loopback(self.published_host or self.host)

    @property
    def service_url(self) -> str:
        return self.url or self.local_url

    @property
    def uses_embedded_broker(self) -> bool:
        return not self.broker_url

    @property
    def broker_socket(self) -> Path:
        """Where the embedded broker listens: in the home folder, or, since the path of a Unix
        socket holds about 100 characters, in the temporary folder under a name made from it."""
        socket = self.resolved_home / "broker" / "broker.sock"
        if len(str(socket).encode()) < 100:
            return socket
        digest = hashlib.sha256(str(self.resolved_home).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"subgrad-{digest}" / "broker.sock"

    @property
    def resolved_broker_url(self) -> str:
        return self.broker_url or f"redis+socket://{self.broker_socket}"

    def as_environment(self) -> dict[str, str]:
        """The environment in which another process reads exactly these settings."""
        ours = {
            f"SUBGRAD_{name}".upper(): str(value)
            for name, value in {**dict(self), "home": self.resolved_home}.items()
            if name != "limits"
        }
        limits = {f"SUBGRAD_LIMITS__{name}".upper(): str(value) for name, value in self.limits}
        return {**os.environ, **ours, **limits}


_SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"


def share_counts(folder: str) -> None:
    """Tells the Prometheus client of processes that are started from now on to keep what they count
    in this folder, where one of them can read it for all."""
    os.environ[_SHARED_COUNTS] = folder


def shared_counts() -> Path | None:
    """The folder in which this process keeps what it counts; None: in its memory."""
    folder = os.environ.get(_SHARED_COUNTS)
    return Path(folder) if folder else None


def forbid_tracking() -> None:
    """Tells libraries that would report their use to their makers not to."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
