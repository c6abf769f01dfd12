"""`python -m service.cli`, where the program `subgrad` is not installed."""

from service.cli import app

if __name__ == "__main__":
    app(prog_name="subgrad")
