"""Suggest the known name that an unknown one was probably meant to be."""

from collections.abc import Sequence
from difflib import get_close_matches

_LISTED = 12  # up to so many names are all listed when none is near
_SURE = 0.9  # so alike, a name is meant rather than one that the word is part of
_TELLING = 4  # a word this long that is part of a name is taken to mean that name


def suggest(word: str, known: Sequence[str], otherwise: str = "") -> str:
    """Say which known name is nearest to a word, else list them all.

    `otherwise` is said in place of a long list, or of none.
    """
    names = [name for name in dict.fromkeys(known) if name]
    longer = [name for name in names if len(word) >= _TELLING and word.lower() in name.lower()]
    whole = min(longer, key=len, default=None)
    if near := nearest(word, names, _SURE) or whole or nearest(word, names):
        return f"did you mean {near}?"
    if names and (len(names) <= _LISTED or not otherwise):
        return f"there are: {', '.join(names)}"
    return otherwise or "there are none"


def nearest(word: str, known: Sequence[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most like a word, in whatever case; None when none is near."""
    by_lower = {name.lower(): name for name in reversed(known)}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None
