"""How every process of the service logs: one line an event, for people or as JSON."""

import logging
import sys

import structlog

from service.settings import LogFormat


class _Stderr(structlog.WriteLogger):
    """Writes whole lines, and has the name of the module that asked for it."""

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stderr)
        self.name = name


def configure(form: LogFormat, level: str = "INFO") -> None:
    """Sends the standard library's logging, its warnings and structlog's to stderr in the form
    asked for. What is bound by `structlog.contextvars` stands on every line: of a request its
    `request_id`, of training its `cohort`."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # The default formatter draws every local variable, and can take seconds over one traceback.
    last: structlog.types.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        last = structlog.processors.JSONRenderer()
    # Ours do not pass through the standard library's logging, which takes longer than all else.
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for chatty in ("celery", "kombu", "amqp", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
