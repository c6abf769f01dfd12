"""Screenshots of the main pages: `python -m tests.browser.screenshots FOLDER`.

Brings the whole service up in a home of its own, trains what the pictures show, and writes a PNG
for each page. Exits with 1 where there is no browser.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page

from service.settings import Settings
from tests.browser.chromium import launched
from tests.servers import free_port
from tests.stack import digits_spec, wait_for

DYING = digits_spec(
    name="Adam, rate 0.03",
    network={"hidden": [96, 96]},
    optimizer={"name": "adam", "learning_rate": 0.03},
    epochs=60,
)
TANH = DYING | {"name": "The same with tanh", "activation": {"name": "tanh"}}
SWEEP: dict[str, Any] = {
    "name": "Who dies at which rate",
    "base": digits_spec(network={"hidden": [64, 64]}, optimizer={"name": "adam"}, epochs=10),
    "axes": {
        "optimizer.learning_rate": {"logspace": [0.001, 0.3, 6]},
        "activation.name": ["relu", "leaky_relu", "elu", "tanh"],
        "seed": {"range": 3},
    },
}


LEAVES = "length,width,hairs,kind\n" + "".join(
    f"{30 + 7 * (n % 3) + n % 11},{12 + n % 7},0,{('beech', 'elm', 'oak')[n % 3]}\n"
    for n in range(90)
)


def upload_leaves(http: httpx.Client) -> str:
    """Uploads a small data set with a constant column; its id."""
    answer = http.post(
        "/v1/datasets",
        params={"task": "classification", "target": "kind", "name": "leaves"},
        headers={"Content-Type": "text/csv"},
        content=LEAVES,
    )
    dataset_id: str = answer.raise_for_status().json()["id"]
    return dataset_id


def train(http: httpx.Client) -> dict[str, str]:
    """Trains what the pictures show; the path of each page by the picture's name."""
    posted = http.post("/v1/studies", json={"template": "vanishing-gradient"})
    study = posted.raise_for_status().json()["id"]
    sweep = http.post("/v1/sweeps", json=SWEEP).raise_for_status().json()["id"]
    dying, tanh = (
        http.post("/v1/jobs", json=spec).raise_for_status().json()["id"] for spec in (DYING, TANH)
    )
    for path in (f"jobs/{dying}", f"jobs/{tanh}", f"sweeps/{sweep}", f"studies/{study}"):
        http.get(f"/v1/{path}", params={"wait": 60}).raise_for_status()
    table = f"/sweeps/{sweep}?quantity=dead_fraction"
    swapped = "rows=activation.name&columns=optimizer.learning_rate"
    return {
        "jobs": "/",
        "job": f"/jobs/{dying}",
        "new": "/jobs/new",
        "sweeps": "/sweeps",
        "sweep": f"{table}&{swapped}",
        "lines": f"{table}&{swapped}&as=lines",
        "compare": f"/compare?jobs={dying},{tanh}",
        "datasets": "/datasets",
        "studies": "/studies",
        "study": f"/studies/{study}",
        "dataset": f"/datasets/{upload_leaves(http)}",
    }


EMPTY = {"no-jobs": "/", "no-sweeps": "/sweeps", "no-data": "/datasets", "signin": "/signin"}
"""What is looked at before anything was trained."""

SIZES = {"": (1366, 768, "light"), "-dark": (1366, 768, "dark"), "-phone": (390, 844, "light")}


def shoot(browser: Browser, url: str, paths: dict[str, str], folder: Path) -> None:
    for suffix, (width, height, scheme) in SIZES.items():
        context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = context.new_page()
        for name, path in paths.items():
            _shoot_one(page, path, folder / f"{name}{suffix}.png")
        context.close()


def _shoot_one(page: Page, path: str, file: Path) -> None:
    page.goto(path)
    page.wait_for_selector("main:not(:has-text('Loading…')) :is(table, figure, .empty, .signin)")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file, full_page=True)
    print(file)


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with launched() as browser, tempfile.TemporaryDirectory() as home:
        if browser is None:
            print("NO CHROMIUM FOUND: install the system's chromium", file=sys.stderr)
            return 1
        settings = Settings(home=Path(home), port=free_port())
        service = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "up"], env=settings.as_environment()
        )
        try:
            url = f"http://127.0.0.1:{settings.port}"
            with httpx.Client(base_url=url, timeout=90) as http:
                wait_for(lambda: _is_ready(http), what="the service is ready")
                shoot(browser, url, EMPTY, folder)
                shoot(browser, url, train(http), folder)
        finally:
            service.terminate()
            service.wait(30)
    return 0


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")))
