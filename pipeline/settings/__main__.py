"""Show every setting with its type, bounds, value and meaning: python -m pipeline.settings."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import ROOT, add_json_option, parser, run_command
from pipeline.errors import EXIT_SUCCEEDED, UsageError
from pipeline.suggestions import suggest

if TYPE_CHECKING:
    from pipeline.settings.reference import Entry, SectionEntries

_EXAMPLES = """\
  python -m pipeline.settings                        every setting, as Markdown
  python -m pipeline.settings tuning gate            those of two sections
  python -m pipeline.settings > docs/settings.md     the page in docs"""
_INTRODUCTION = """\
# Settings

Every setting of [pipeline.yaml](../pipeline.yaml). Made by
`python -m pipeline.settings > docs/settings.md`: types and bounds are those of `pipeline/settings`,
values and meanings those of pipeline.yaml.

- `--set training.epochs=5` changes one for one run; `--env production` overlays an environment.
- null stands for a name made from `project`. A key that does not exist is refused.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the sections that are asked for."""
    options = parsers()[""].parse_args(arguments)
    from pipeline.settings.reference import sections

    found = {section.name: section for section in sections(ROOT / "pipeline.yaml")}
    for name in options.sections:
        if name not in found:
            raise UsageError(f"there is no section {name!r}; {suggest(name, list(found))}")
    chosen = [found[name] for name in options.sections or found]
    print(json_text({"sections": chosen}) if options.json else "\n".join(_page(chosen)))
    return EXIT_SUCCEEDED


def parsers() -> Mapping[str, ArgumentParser]:
    """Make the command's parser."""
    result = parser("pipeline.settings", "Every setting, with its meaning.", _EXAMPLES)
    result.add_argument("sections", nargs="*", metavar="SECTION", help="all when none is named")
    add_json_option(result)
    return {"": result}


def _page(chosen: "Sequence[SectionEntries]") -> Iterator[str]:
    yield _INTRODUCTION
    for section in chosen:
        yield f"## {section.name}\n"
        if section.about:
            yield f"{section.about}\n"
        yield "| key | may be | here | meaning |"
        yield "|---|---|---|---|"
        yield from map(_row, section.entries)
        yield ""


def _row(entry: "Entry") -> str:
    cells = (f"`{entry.key}`", entry.allowed, f"`{entry.default}`", entry.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(run_command(main))
