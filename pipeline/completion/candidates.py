"""Find what a command line that is being typed can go on with."""

import importlib
import re
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.command_line.commands import commands
from pipeline.completion.line import Line, read_line
from pipeline.completion.values import values_of
from pipeline.completion.walking import Place, next_place

# What a shell takes as one plain word: names from elsewhere must not become commands.
_PLAIN = re.compile(r"[\w./=:,@%+-]+", re.ASCII)


def candidates(text: str, breaks: str = "") -> list[str]:
    """Return the words that the last one of `text` can become; none where files may stand.

    `breaks` are characters at which the shell begins another word within a word: what stands
    before the last of them is left out, as the shell keeps it.
    """
    line = read_line(text)
    if line is None:
        return []
    found = [word for word in dict.fromkeys(_words(line)) if word.startswith(line.begun)]
    kept = max((line.begun.rfind(character) for character in breaks), default=-1) + 1
    return [word[kept:] for word in found if _PLAIN.fullmatch(word)]


def _words(line: Line) -> Iterable[str]:
    names = [one.name for one in commands()]
    if line.command is not None:
        return _of_command(line.command, line.words, line.begun) if line.command in names else ()
    if line.is_module:
        return ["pipeline", *(f"pipeline.{name}" for name in names)]
    return next_place(_parsers("")[""], ()).options if line.begun.startswith("-") else names


def _of_command(command: str, words: Sequence[str], begun: str) -> Iterable[str]:
    parsers = _parsers(command)
    others = [name for name in parsers if name]
    if words and words[0] in others:
        parser, command, words = parsers[words[0]], f"{command}.{words[0]}", words[1:]
        others = []
    else:
        parser = parsers[""]
    option, equals, _ = begun.partition("=")
    if begun.startswith("--") and equals:
        place = next_place(parser, (*words, option))
        return [f"{option}={word}" for word in _values(place, command)]
    found = _next(next_place(parser, words), begun, command)
    return found if words else [*others, *found]


def _next(place: Place, begun: str, command: str) -> Sequence[str]:
    is_option = begun.startswith("-") or not place.actions
    return place.options if is_option else _values(place, command)


def _values(place: Place, command: str) -> list[str]:
    return [word for action in place.actions for word in values_of(command, action, place)]


def _parsers(command: str) -> Mapping[str, ArgumentParser]:
    """Return the parsers of a command, "" for all of them, by the word that they begin with."""
    place = f"pipeline.{command}" if command else "pipeline"
    module: Any = importlib.import_module(f"{place}.__main__")
    found: Mapping[str, ArgumentParser] = module.parsers()
    return found
