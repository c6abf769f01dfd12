"""`python -m workers`: a worker, until SIGINT or SIGTERM."""

import sys

from workers import app as shell


def main() -> None:
    # No gossip, mingle or heartbeat: workers have nothing to say to each other, and their
    # liveness stands in the database.
    try:
        shell.app.worker_main(
            ["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        )
    finally:
        if shell.exit_code:  # Celery ends with 0 whenever it could end in order
            sys.exit(shell.exit_code)


if __name__ == "__main__":
    main()
