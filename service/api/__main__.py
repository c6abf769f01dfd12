"""Serves the API: `python -m service.api`."""

import sys

import uvicorn

from service import logs
from service.api.app import create_app
from service.exposure import ExposedWithoutKey, check_exposure
from service.settings import Settings

# Open streams and long polls would hold the shutdown for ever; their clients reconnect.
_GRACE_S = 3


def main() -> None:
    settings = Settings()
    logs.configure(settings)
    try:
        check_exposure(settings)
    except ExposedWithoutKey as error:
        sys.exit(str(error))
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=_GRACE_S,
        access_log=False,
        server_header=False,
        log_config=None,
    )


if __name__ == "__main__":
    main()
