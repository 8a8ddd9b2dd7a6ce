"""Find the sections of the report: each module of this folder defines one, named SECTION."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pipeline.report.section import Section


@cache
def all_sections() -> tuple[Section[Any], ...]:
    """Return the report's sections in the order of the page."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    found: list[Section[Any]] = [module.SECTION for module in modules]
    return tuple(sorted(found, key=lambda section: section.place))
