"""The commands speak one language: an option means the same wherever it stands."""

import argparse
import importlib
from collections import defaultdict
from collections.abc import Iterator

import pytest

from pipeline.command_line.commands import commands

NAMES = [one.name for one in commands()]
# What reports nothing: it prints a script, or serves a page.
WITHOUT_JSON = ("completion", "console")


def parsers_of(name: str) -> Iterator[argparse.ArgumentParser]:
    """Every parser of a command that takes words: its own, or those of its subcommands."""
    for parser in importlib.import_module(f"pipeline.{name}.__main__").parsers().values():
        inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        yield from inner[0].choices.values() if inner else (parser,)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_reports_something_does_so_as_json(name: str) -> None:
    for parser in parsers_of(name):
        assert name in WITHOUT_JSON or "--json" in parser._option_string_actions, parser.prog


@pytest.mark.parametrize("name", NAMES)
def test_every_help_has_examples_and_exit_codes_and_every_option_says_what_it_does(
    name: str,
) -> None:
    for parser in parsers_of(name):
        assert "examples:" in str(parser.epilog), parser.prog
        assert "exit codes:" in str(parser.epilog), parser.prog
        for action in parser._actions:
            assert action.help or not action.option_strings, (parser.prog, action.option_strings)


def test_an_option_takes_the_same_in_every_command() -> None:
    forms = defaultdict(set)
    for name in NAMES:
        for parser in parsers_of(name):
            for option, action in parser._option_string_actions.items():
                forms[option].add((action.metavar, action.nargs, action.type, type(action)))
    assert not {option: found for option, found in forms.items() if len(found) > 1}
