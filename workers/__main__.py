"""`python -m workers`: a worker, until SIGINT or SIGTERM."""

from workers.app import app


def main() -> None:
    # No gossip, mingle or heartbeat: workers have nothing to say to each other, and their
    # liveness stands in the database.
    app.worker_main(
        ["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


if __name__ == "__main__":
    main()
