"""Serves the API: `python -m service.api`, in one process or `SUBGRAD_API_PROCESSES`."""

import sys
from typing import Any

import uvicorn

from service.api.app import create_app
from service.api.middleware.patience import protocol
from service.api.processes import APPLICATION, HEALTHY_WITHIN_S, counting_together
from service.exposure import ExposedWithoutKey, check_exposure
from service.observability import logs, tracing
from service.settings import Settings

# Open streams and long polls would hold the shutdown for ever; their clients reconnect.
_GRACE_S = 3


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_format)
    tracing.configure(settings.traces_url, "api")
    try:
        check_exposure(settings)
    except ExposedWithoutKey as error:
        sys.exit(str(error))
    how: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "http": protocol(settings.request_timeout_s),
        "timeout_graceful_shutdown": _GRACE_S,
        "access_log": False,
        "server_header": False,
        "log_config": None,
    }
    if settings.api_processes == 1:
        uvicorn.run(create_app(settings), **how)
        return
    with counting_together():
        uvicorn.run(
            APPLICATION,
            factory=True,
            workers=settings.api_processes,
            timeout_worker_healthcheck=HEALTHY_WITHIN_S,
            **how,
        )


if __name__ == "__main__":
    main()
