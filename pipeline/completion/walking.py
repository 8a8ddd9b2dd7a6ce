"""Walk through the words of a command line by its parser, and say what may stand next."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NUMBERS = {None: (1, 1), "?": (0, 1), "*": (0, math.inf), "+": (1, math.inf)}


@dataclass(frozen=True)
class Place:
    """The next word of a line: an option, or a value of one of the actions.

    `path` are the subcommands so far, `given` the last value of each argument.
    """

    options: tuple[str, ...]
    actions: tuple[argparse.Action, ...]
    path: tuple[str, ...]
    given: Mapping[str, str]


def next_place(parser: argparse.ArgumentParser, words: Sequence[str]) -> Place:
    """Return what may stand behind these words."""
    walk = _Walk(parser)
    for word in words:
        walk.take(word)
    return walk.place()


class _Walk:
    """The state of a walk: the parser that is in charge, and what it still awaits."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._path: tuple[str, ...] = ()
        self._given: dict[str, str] = {}
        self._enter(parser)

    def _enter(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser
        self._used: set[argparse.Action] = set()
        self._positionals = [one for one in parser._actions if not one.option_strings]
        self._waiting: argparse.Action | None = None
        self._taken = 0

    def take(self, word: str) -> None:
        """Go on by one complete word."""
        option, equals, value = word.partition("=")
        action = self._parser._option_string_actions.get(option)
        if action is not None:
            self._used.add(action)
            self._given[action.dest] = value
            self._waiting, self._taken = (None if equals else action), 0
        elif self._waiting is not None and self._taken < _numbers(self._waiting)[1]:
            self._given[self._waiting.dest] = word
            self._taken += 1
        elif self._positionals:
            self._take_positional(self._positionals[0], word)

    def _take_positional(self, action: argparse.Action, word: str) -> None:
        self._waiting = None
        if isinstance(action, argparse._SubParsersAction):
            chosen = action.choices.get(word)
            if chosen is not None:
                self._path = (*self._path, word)
                self._enter(chosen)
            return
        self._given[action.dest] = word
        if _numbers(action)[1] == 1:
            del self._positionals[0]

    def place(self) -> Place:
        """Return what may stand next."""
        actions = []
        if self._waiting is not None:
            least, most = _numbers(self._waiting)
            if self._taken < least:
                return Place((), (self._waiting,), self._path, self._given)
            actions = [self._waiting] if self._taken < most else []
        actions += self._positionals[:1]
        return Place(self._options(), tuple(actions), self._path, self._given)

    def _options(self) -> tuple[str, ...]:
        """Return the options that may still be given, in their long spelling."""
        taken = {one for one in self._used if not isinstance(one, argparse._AppendAction)}
        for group in self._parser._mutually_exclusive_groups:
            if taken & set(group._group_actions):
                taken |= set(group._group_actions)
        return tuple(
            spelling
            for action in self._parser._actions
            if action not in taken and action.help != argparse.SUPPRESS
            for spelling in action.option_strings
            if spelling.startswith("--")
        )


def _numbers(action: argparse.Action) -> tuple[float, float]:
    """Return the least and the most words that an argument takes."""
    if isinstance(action.nargs, int):
        return action.nargs, action.nargs
    return _NUMBERS.get(action.nargs, (0, math.inf))
