"""Show what bootstrap would change, what happens, and what became of it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import ROOT
from pipeline.command_line.subcommands import print_table

if TYPE_CHECKING:
    from pipeline.bootstrap.stack import Change, StackEvent, StackState
    from pipeline.bootstrap.stack_parameters import Foundation

_REPLACED = {"True": "yes", "False": "no", "Conditional": "maybe"}


def say(options: argparse.Namespace, line: str) -> None:
    """Print a line for people: with --json that is not where the document goes."""
    print(line, file=_out(options), flush=True)


def print_document(options: argparse.Namespace, document: object) -> None:
    """Print what is for programs, where that was asked for."""
    if options.json:
        print(json_text(document))


def show_changes(name: str, changes: Sequence["Change"], options: argparse.Namespace) -> None:
    """Show the changes of a stack; red is what replaces or removes something."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Action", "Resource", "Type", "Replaced"):
        table.add_column(column, no_wrap=True)
    for change in sorted(changes, key=lambda one: (one.action, one.resource)):
        style = "red" if _loses(change) else None
        replaced = _REPLACED.get(change.replacement, "-")
        table.add_row(change.action, change.resource, change.kind, replaced, style=style)
    say(options, f"{len(changes)} changes of the stack {name}:")
    print_table(table, 120, _out(options))


def show_plan(wanted: "Foundation", template: Path, options: argparse.Namespace) -> None:
    """Show what would be made in an account that has nothing of it, without asking AWS."""
    from pipeline.assets.serving_image import serving_image
    from pipeline.bootstrap.documents import StackPlan
    from pipeline.bootstrap.plan import planned

    settings, resources = wanted.settings, tuple(planned(wanted, template))
    if options.json:
        names = (settings.endpoint_name, settings.production_endpoint_name)
        place = (settings.aws.account_id, settings.aws.region)
        image = serving_image(settings, ROOT)
        print(json_text(StackPlan(*place, resources, settings.project, image, names)))
        return
    account = f"account {settings.aws.account_id}, {settings.aws.region}"
    print(f"no AWS account to compare with; in one without any of it ({account}), this is made:")
    rows = [(one.kind, one.name or "-", one.resource) for one in resources]
    _print_columns(("Type", "Name", "Resource"), rows)
    endpoints = f"{settings.endpoint_name}, {settings.production_endpoint_name}"
    print(f"the first --upsert adds   the pipeline {settings.project}")
    print(f"                          the image {serving_image(settings, ROOT)}")
    print(f"runs and approvals add    the endpoints {endpoints}")


def show_event(options: argparse.Namespace, event: "StackEvent") -> None:
    """Show what happened to a resource."""
    reason = f"  {event.reason}" if event.status.endswith("_FAILED") else ""
    say(options, f"{event.status:<28} {event.kind:<36} {event.resource}{reason}")


def show_outputs(state: "StackState", options: argparse.Namespace) -> None:
    """Show a stack's outputs, and what comes after bootstrap."""
    for name, value in sorted(state.outputs.items()):
        say(options, f"{name:<18} {value}")
    upload = "python -m pipeline.data upload SOURCE"
    say(options, f"next: {upload}, then python -m pipeline.run --upsert")


def _out(options: argparse.Namespace) -> TextIO:
    """Return where people read; with --json standard output is for programs."""
    return sys.stderr if options.json else sys.stdout


def _print_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in head:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    print_table(table, 140)


def _loses(change: "Change") -> bool:
    return change.action == "Remove" or change.replacement in ("True", "Conditional")
