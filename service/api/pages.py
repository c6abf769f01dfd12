"""The pages for people: the dashboard and the documentation, with every asset served from here."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

_WEB = Path(str(files("service.web")))
# Its package is a wrapper for templates of other frameworks, which is not used here.
_CHART_JS = Path(str(files("chartkick"))) / "django" / "static" / "chartkick"
_SWAGGER = Path(str(files("fastapi_offline"))) / "static"

# Nothing but our own files, no inline script and no inline style.
_DASHBOARD_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A browser asks each time and is told 304: modules of two versions never meet in one page.
_FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


# Which of static/pages shows what stands at a path; static/urls.js says the same to the browser.
_PAGES = {
    "/": "jobs",
    "/jobs/new": "new",
    "/jobs/{job_id}": "job",
    "/sweeps": "sweeps",
    "/sweeps/{sweep_id}": "sweep",
    "/studies": "studies",
    "/studies/{study_id}": "study",
    "/datasets": "datasets",
    "/datasets/{dataset_id}": "dataset",
    "/compare": "compare",
    "/signin": "signin",
}
_IMPORT = re.compile(r'^(?:(?:import|export|\}).* from|import) "(/static/[^"]+)";', re.MULTILINE)


def _modules(address: str) -> Iterator[str]:
    """The module at the address, and all that it imports, directly or not."""
    seen, waiting = {address}, [address]
    while waiting:
        yield (one := waiting.pop())
        path = _WEB / one.removeprefix("/")
        # What is not ours imports nothing.
        found = _IMPORT.findall(path.read_text(encoding="utf-8")) if path.exists() else []
        waiting += [other for other in dict.fromkeys(found) if other not in seen]
        seen.update(found)


@cache
def _document(page: str) -> bytes:
    """One document for all pages but for this: it names the modules that the page needs, so that a
    browser asks for all of them at once, and not for each after the one that imports it."""
    addresses = dict.fromkeys([*_modules("/static/app.js"), *_modules(f"/static/pages/{page}.js")])
    links = "".join(f'  <link rel="modulepreload" href="{one}">\n' for one in addresses)
    document = (_WEB / "index.html").read_text(encoding="utf-8")
    return document.replace("</head>", f"{links}</head>").encode()


def _add_page(path: str, page: str) -> None:
    async def read_page() -> Response:
        headers = {"Content-Security-Policy": _DASHBOARD_POLICY, **_FRESH}
        return Response(_document(page), media_type="text/html; charset=utf-8", headers=headers)

    router.add_api_route(path, read_page, methods=["GET"], name=f"page:{page}")


for _path, _page in _PAGES.items():
    _add_page(_path, _page)


@router.get("/docs")
async def read_documentation() -> FileResponse:
    return FileResponse(_WEB / "docs.html")


# From the root, since it serves no page above its own folder.
@router.get("/service-worker.js")
async def read_service_worker() -> FileResponse:
    return FileResponse(_WEB / "static" / "service-worker.js", headers=_FRESH)


@router.get("/favicon.ico")
async def read_icon() -> FileResponse:
    return FileResponse(_WEB / "static" / "icon.svg")


class _FreshFiles(StaticFiles):
    """Files that a browser keeps and asks about before it uses them again. A page asks for some
    thirty at once, so they are sent from memory: reading one costs threads, and more than it."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        if isinstance(response, FileResponse):
            path = Path(response.path)
            content = _content(path, path.stat().st_mtime_ns)
            response = Response(content, response.status_code, headers=dict(response.headers))
        response.headers.update(_FRESH)
        return response


@cache
def _content(path: Path, changed_at: int) -> bytes:
    """What the file held when it was last changed."""
    return path.read_bytes()


router.mount("/static/chartkick", _FreshFiles(directory=_CHART_JS))
router.mount("/static", _FreshFiles(directory=_WEB / "static"))
router.mount("/docs/static", StaticFiles(directory=_SWAGGER))
