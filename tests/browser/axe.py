"""What axe-core finds wrong with a page for people who do not see it, or use no mouse."""

from importlib.resources import files

from playwright.sync_api import Page

_AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
_SERIOUS = ("serious", "critical")


def serious(page: Page) -> list[tuple[str, str]]:
    """The rule and the element of each serious finding."""
    page.evaluate(_AXE)
    found = page.evaluate("axe.run()")
    assert found["passes"], "axe looked at nothing"
    return [
        (one["id"], node["html"])
        for one in found["violations"]
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]
