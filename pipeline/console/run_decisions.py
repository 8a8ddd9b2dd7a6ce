"""Find the file in which people decide about a run's data, and the command that applies it."""

import hashlib
import json
import re
from pathlib import Path

from pipeline.console.context import Console
from pipeline.console.run_view import command_of
from pipeline.console.starting import arguments_again, started_of
from pipeline.errors import UsageError
from pipeline.report.sources.facts import Facts

_FOLDER = "decisions"
_OPTION = "--set=data.decisions="
_PLAIN = re.compile(r"[\w./-]+")


def decisions_of(console: Console, facts: Facts) -> Path:
    """Return the file that the run was told of, else that of the settings, else one of its own."""
    given = _file_of_command(command_for(console, facts.id))
    return given or named_file(console) or _own_file(console.state, facts)


def named_file(console: Console) -> Path | None:
    """Return the file that the settings of local runs name; None without, or where it is on S3."""
    from pipeline.console.fields import ENVIRONMENT
    from pipeline.settings.loading import load_settings

    try:
        named = load_settings(console.settings, ENVIRONMENT, []).data.decisions
    except UsageError:  # the page that starts runs says what is wrong with them
        return None
    return None if named is None or named.startswith("s3://") else Path(named)


def command_for(console: Console, run: str) -> str:
    """Return the command that started a run; empty where nobody wrote it down."""
    started = started_of(console.state, run)
    return command_of(console.store, run) or (started.command if started else "")


def arguments_with(command: str, decisions: Path, state: Path) -> list[str] | None:
    """Return a run's arguments with a file of decisions, for a state folder.

    None where its command is not known.
    """
    if (words := _words(command)) is None:
        return None
    here = f"--state={state}"  # the last one counts
    others = [word for word in words if word != here and not word.startswith(_OPTION)]
    return [*others, option_of(decisions), here]


def option_of(decisions: Path) -> str:
    """Return the option that tells a run of a file of decisions."""
    return f"{_OPTION}{_value(decisions)}"


def _file_of_command(command: str) -> Path | None:
    """Return the file of decisions that a run was told of, if it is still there."""
    from pipeline.settings.loading import parse_override

    given = [word for word in _words(command) or () if word.startswith(_OPTION)]
    value = parse_override(given[-1].removeprefix("--set="))[1] if given else None
    if not isinstance(value, str) or value.startswith("s3://"):
        return None
    path = Path(value).absolute()
    return path if path.is_file() else None


def _own_file(state: Path, facts: Facts) -> Path:
    """Return the file of a project's decisions about a data set: others' would not fit it."""
    data = str(facts.parameters.get("DataUri", ""))
    digest = hashlib.sha256(data.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return state / _FOLDER / f"{facts.pipeline}-{digest}.csv"


def _words(command: str) -> list[str] | None:
    """Return a command's arguments, each --set in one word; None for no command of a run here."""
    try:
        words = arguments_again(command)
    except UsageError:
        return None
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--set":
            joined[-1] = f"--set={word}"
        else:
            joined.append(word)
    return joined


def _value(path: Path) -> str:
    """Return a path as --set takes it: what YAML would read otherwise is quoted."""
    text = str(path)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
