"""Describe what the commands print with --json: python -m pipeline.schema."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import add_json_option, parser, run_command
from pipeline.errors import EXIT_SUCCEEDED, UsageError
from pipeline.suggestions import suggest

_EXAMPLES = """\
  python -m pipeline.schema                            every command's document, as Markdown
  python -m pipeline.schema registry list --json       one command's, as JSON Schema
  python -m pipeline.schema > docs/json.md             the page in docs
  python -m pipeline.schema --json > docs/json-schema.json"""
_INTRODUCTION = """\
# What --json prints

Made by `python -m pipeline.schema > docs/json.md` from the commands' own types.
[json-schema.json](json-schema.json) has the same as JSON Schema (`python -m pipeline.schema
--json`).

- With `--json` a command prints one document on standard output and nothing else there. Progress,
  warnings and questions go to standard error.
- An error is no document: as without `--json`, it is one line on standard error that begins with
  `error:`, and the exit code (1 failed, 2 usage, 3 stopped). A command that failed after it had
  something to report (a run, a picture that was refused, production that does not answer) prints
  the document as well.
- Every member is always there; what is not known is null, and so is a number that is not finite.
- Later versions may add members; names and types stay. `run --definition` prints what SageMaker
  gets, whose schema is SageMaker's.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, or the JSON Schema."""
    options = parsers()[""].parse_args(arguments)
    from pipeline.schema.documents import DOCUMENTS
    from pipeline.schema.json_schema import json_schema
    from pipeline.schema.page import page

    command = " ".join(options.words)
    chosen = [name for name in DOCUMENTS if f"{name} ".startswith(f"{command} ".lstrip())]
    if not chosen:
        raise UsageError(f"{command!r} has no document; {suggest(command, list(DOCUMENTS))}")
    schema = json_schema(chosen)
    print(json_text(schema) if options.json else "\n".join([_INTRODUCTION, *page(schema)]).rstrip())
    return EXIT_SUCCEEDED


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    text = "Describes what every command prints with --json."
    result = parser("pipeline.schema", text, _EXAMPLES)
    words = "only these: registry, or registry list"
    result.add_argument("words", nargs="*", metavar="COMMAND", help=words)
    add_json_option(result)
    return {"": result}


if __name__ == "__main__":
    sys.exit(run_command(main))
