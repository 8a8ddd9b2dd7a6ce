"""List the commands: the folders of pipeline/ with a __main__.py, and what each is for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.command_line.running import ROOT


@dataclass(frozen=True)
class Command:
    """A command's name, and in a few words what it is for."""

    name: str
    about: str


def commands() -> Iterator[Command]:
    """Yield every command in alphabetical order; none is imported for it."""
    for file in sorted((ROOT / "pipeline").glob("*/__main__.py")):
        yield Command(file.parent.name, _about(file))


def _about(file: Path) -> str:
    """Return the first line of a module's docstring, without the command that ends it."""
    with file.open(encoding="utf-8") as text:
        line = text.readline().strip().strip('"')
    return line.partition(": python -m ")[0]
