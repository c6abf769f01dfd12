"""The pages for people: complete, and made of nothing that is not served here."""

import re

import httpx
import pytest

_LINK = re.compile(r'(?:href|src)="([^"]+)"')


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_page_uses_only_what_we_serve(still: httpx.Client, page: str) -> None:
    response = still.get(page)
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    links = _LINK.findall(response.text)
    assert links
    for link in links:
        assert link.startswith("/")
        assert not link.startswith("//")
        assert still.get(link).status_code == 200, link


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_page_holds_no_script_of_its_own(still: httpx.Client, page: str) -> None:
    text = still.get(page).text
    assert re.findall(r"<script[^>]*>[^<]", text) == []
    assert "style=" not in text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/static/app.js", "text/javascript"),
        ("/static/docs.js", "text/javascript"),
        ("/static/style.css", "text/css"),
        ("/docs/static/swagger-ui-bundle.js", "text/javascript"),
        ("/favicon.ico", "image/svg+xml"),
    ],
)
def test_an_asset_has_its_type(still: httpx.Client, path: str, kind: str) -> None:
    assert still.get(path).headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", ["/static/app.js", "/static/docs.js", "/static/style.css"])
def test_our_assets_name_no_other_host(still: httpx.Client, path: str) -> None:
    assert re.search(r"https?://|//cdn", still.get(path).text) is None
