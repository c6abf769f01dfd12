"""Where a request comes from, for a service that needs no key.

Then being able to reach it is all that a program on this machine needs, and a browser on this
machine reaches it for whatever page it shows. Two ways are closed here. A page whose host name was
pointed at this machine (DNS rebinding) names that host: only this machine's names are answered to.
A page of another site may send some requests blindly (cross-site request forgery): what a browser
says to come from elsewhere changes nothing.
"""

from urllib.parse import urlsplit

from fastapi import Request

from service.api.errors import ApiError
from service.settings import Settings, is_loopback

_READING = ("GET", "HEAD")


def check_keyless(request: Request, settings: Settings) -> None:
    """Raises ApiError."""
    written = request.headers.get("host", "")
    host = _host_of(f"//{written}")
    allowed = {one.strip().lower() for one in settings.allowed_hosts.split(",") if one.strip()}
    if not (is_loopback(host) or host in allowed):
        raise ApiError(
            "unknown_host",
            f"Without keys this service answers to this machine's own names, and {written!r} is "
            "none. Name it in SUBGRAD_ALLOWED_HOSTS, or make a key: `subgrad keys create NAME`.",
        )
    if request.headers.get("origin") in settings.allowed_origins:
        return
    if request.method not in _READING and _is_foreign(request, written):
        raise ApiError(
            "cross_origin",
            "A page of another site asked for this. Programs send no Origin header; pages of "
            "other sites need a service with keys.",
        )


def _is_foreign(request: Request, host: str) -> bool:
    """Whether a browser says that a page from elsewhere asks."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # no host at all
        return ""
