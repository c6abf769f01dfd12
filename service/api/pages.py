"""The pages for people: the overview and the documentation, with every asset served from here."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

_WEB = Path(str(files("service.web")))
_SWAGGER = Path(str(files("fastapi_offline"))) / "static"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def read_overview() -> FileResponse:
    return FileResponse(_WEB / "index.html")


@router.get("/docs")
async def read_documentation() -> FileResponse:
    return FileResponse(_WEB / "docs.html")


@router.get("/favicon.ico")
async def read_icon() -> FileResponse:
    return FileResponse(_WEB / "static" / "icon.svg")


router.mount("/static", StaticFiles(directory=_WEB / "static"))
router.mount("/docs/static", StaticFiles(directory=_SWAGGER))
