"""The pages for people: complete, and made of nothing that is not served here."""

import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

_STATIC = Path(str(files("service.web"))) / "static"
ASSETS = sorted(f"/static/{path.relative_to(_STATIC)}" for path in _STATIC.rglob("*.*"))
MODULES = [path for path in ASSETS if path.endswith(".js")]
DASHBOARD = [
    *("/", "/jobs/new", "/jobs/job_1", "/sweeps", "/sweeps/swp_1", "/compare?jobs=a,b"),
    *("/studies", "/studies/std_1", "/datasets", "/datasets/dat_1", "/signin"),
]
_IMPORT = re.compile(r'(?:from |import |import\()["`](/static/[^"`]+)["`]')
_ADDRESS = re.compile(r'"/(?:v1|sweeps|jobs|compare)[/"?]')
_LINK = re.compile(r'(?:href|src)="([^"#][^"]*)"')


@pytest.mark.parametrize("page", [*DASHBOARD, "/docs"])
def test_a_page_uses_only_what_we_serve(still: httpx.Client, page: str) -> None:
    response = still.get(page)
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src" in response.headers["content-security-policy"]
    links = _LINK.findall(response.text)
    assert links
    for link in links:
        assert link.startswith("/")
        assert not link.startswith("//")
        assert still.get(link).status_code == 200, link


@pytest.mark.parametrize("page", [*DASHBOARD, "/docs"])
def test_a_page_holds_no_script_of_its_own(still: httpx.Client, page: str) -> None:
    text = still.get(page).text
    assert re.findall(r"<script[^>]*>[^<]", text) == []
    assert "style=" not in text


@pytest.mark.parametrize("page", DASHBOARD)
def test_the_dashboard_may_run_and_style_itself_by_files_alone(
    still: httpx.Client, page: str
) -> None:
    policy = still.get(page).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/static/app.js", "text/javascript"),
        ("/static/docs.js", "text/javascript"),
        ("/static/style.css", "text/css"),
        ("/static/chartkick/Chart.bundle.js", "text/javascript"),
        ("/docs/static/swagger-ui-bundle.js", "text/javascript"),
        ("/favicon.ico", "image/svg+xml"),
    ],
)
def test_an_asset_has_its_type(still: httpx.Client, path: str, kind: str) -> None:
    assert still.get(path).headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", ASSETS)
def test_our_assets_name_no_other_host(still: httpx.Client, path: str) -> None:
    text = still.get(path).text.replace("http://www.w3.org/2000/svg", "")
    assert re.search(r"https?://|//cdn", text) is None


@pytest.mark.parametrize("path", MODULES)
def test_what_a_module_imports_is_served(still: httpx.Client, path: str) -> None:
    response = still.get(path)
    assert response.headers["cache-control"] == "no-cache"
    for name in _IMPORT.findall(response.text):
        if "${" not in name:
            assert still.get(name).status_code == 200, name


@pytest.mark.parametrize("path", DASHBOARD)
def test_a_page_names_all_modules_that_it_will_load(still: httpx.Client, path: str) -> None:
    """So a browser fetches them side by side. urls.js says which page stands at the path."""
    routes = re.findall(r"\[/(\^.*\$)/, \"(\w+)\"\]", still.get("/static/urls.js").text)
    bare = path.partition("?")[0]
    shown = next(name for pattern, name in routes if re.match(pattern.replace("\\/", "/"), bare))
    needed = {"/static/app.js", f"/static/pages/{shown}.js"}
    while more := {
        other
        for one in needed
        for other in _IMPORT.findall(still.get(one).text)
        if "${" not in other and other not in needed
    }:
        needed |= more
    named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', still.get(path).text)
    assert sorted(named) == sorted(needed)


@pytest.mark.parametrize("path", DASHBOARD)
def test_only_a_page_that_draws_loads_what_draws(still: httpx.Client, path: str) -> None:
    draws = path.startswith(("/jobs/", "/sweeps/", "/studies/", "/compare"))
    assert ("/static/chartkick/Chart.bundle.js" in still.get(path).text) is draws


@pytest.mark.parametrize("path", [path for path in MODULES if path != "/static/urls.js"])
def test_one_module_knows_the_addresses(still: httpx.Client, path: str) -> None:
    assert _ADDRESS.findall(still.get(path).text) == []


@pytest.mark.parametrize("path", [path for path in MODULES if "/charts/" not in path])
def test_one_module_is_the_door_to_the_charts(still: httpx.Client, path: str) -> None:
    inner = [name for name in _IMPORT.findall(still.get(path).text) if "/charts/" in name]
    assert inner == [] or path == "/static/charts.js"


@pytest.mark.parametrize("path", [path for path in ASSETS if "/examples/" not in path])
def test_an_asset_of_ours_fits_the_head(path: str) -> None:
    text = (_STATIC / path.removeprefix("/static/")).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
