"""Which templates there are: the modules of `service.studies.templates`, each of which names its
own as TEMPLATE."""

import importlib
import pkgutil
from functools import cache
from typing import Any

from service.domain.errors import FieldError, SpecRejected
from service.studies import templates as package
from service.studies.template import Template


@cache
def templates() -> dict[str, Template[Any]]:
    """By name, in the order of their numbers."""
    modules = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    found = [importlib.import_module(module.name).TEMPLATE for module in modules]
    return {one.name: one for one in sorted(found, key=lambda one: one.number)}


def find_template(name: str) -> Template[Any]:
    """Raises SpecRejected, which lists those that there are."""
    known = templates()
    if name not in known:
        detail = f"{name!r} is no template; accepted: {', '.join(known)}"
        raise SpecRejected([FieldError(pointer="/template", detail=detail)])
    return known[name]
