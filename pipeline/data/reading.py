"""Read a data set's folders before anything is computed or sent, the way Prepare will."""

import shlex
from collections.abc import Callable
from pathlib import Path

from inference_code.picture_formats import is_picture
from pipeline.errors import UsageError
from training_code.folders.layout import AUTO, AmbiguousLayout, Choice, Reading, UnusableLayout
from training_code.folders.reading import read_folder

Ask = Callable[[Choice], str]


class DataError(UsageError):
    """The data set cannot be used as it is; the message says what to mend."""


def read_data(folder: Path, layout: str = AUTO, ask: Ask | None = None) -> Reading:
    """Return how the folders of a data set are read; `ask` gives the command for one choice.

    Raises DataError for what is no data set or can be meant in several ways.
    """
    try:
        return read_folder(folder, is_picture, layout)
    except AmbiguousLayout as error:
        if ask is None:
            raise DataError(str(error)) from error
        ways = (f"  {choice.words}\n    {ask(choice)}" for choice in error.choices)
        raise DataError("\n".join([f"{error.why}; say which is meant:", *ways])) from error
    except UnusableLayout as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error


def asks_again(command: str, data: str) -> Ask:
    """Return what makes a typed command, which names `data`, into the one for a choice."""

    def ask(choice: Choice) -> str:
        words = shlex.split(command)
        if choice.layout:
            return shlex.join([*words, "--set", f"data.layout={choice.layout}"])
        named = {data: str(choice.folder), f"--data={data}": f"--data={choice.folder}"}
        return shlex.join([named.get(word, word) for word in words])

    return ask
