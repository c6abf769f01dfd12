"""The pages for people: the dashboard and the documentation, with every asset served from here."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

_WEB = Path(str(files("service.web")))
_SWAGGER = Path(str(files("fastapi_offline"))) / "static"

# Nothing but our own files, no inline script and no inline style.
_DASHBOARD_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A browser asks each time and is told 304: modules of two versions never meet in one page.
_FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


# One document for all: static/urls.js says which page stands at which path.
@router.get("/")
@router.get("/jobs/new")
@router.get("/jobs/{job_id}")
@router.get("/sweeps")
@router.get("/sweeps/{sweep_id}")
@router.get("/studies")
@router.get("/studies/{study_id}")
@router.get("/datasets")
@router.get("/datasets/{dataset_id}")
@router.get("/compare")
@router.get("/signin")
async def read_dashboard() -> FileResponse:
    return FileResponse(
        _WEB / "index.html", headers={"Content-Security-Policy": _DASHBOARD_POLICY, **_FRESH}
    )


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


router.mount("/static", _FreshFiles(directory=_WEB / "static"))
router.mount("/docs/static", StaticFiles(directory=_SWAGGER))
