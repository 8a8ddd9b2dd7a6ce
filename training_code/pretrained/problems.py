"""Define the error for weights that cannot be used, and how what a file says is shown."""

SAVE = 'torch.save(model.state_dict(), "weights.pth")'
_LONGEST = 80


class UnusableWeights(ValueError):
    """A file's weights cannot be used; the message says what it is, and the way out."""


def shown(text: object) -> str:
    """Return what a file says as a terminal may show it: printable, in one line, short."""
    start = str(text)[: _LONGEST + 1]
    plain = "".join(letter if letter.isprintable() else "?" for letter in start)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
