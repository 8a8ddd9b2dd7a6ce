"""What a command line that is being typed can go on with."""

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.command_line.commands import commands
from pipeline.completion.candidates import candidates
from pipeline.local.store import Store

LINES = [
    # the commands
    ("python -m pipe", ["pipeline", "pipeline.registry"]),
    ("python -m pipeline.re", ["pipeline.registry", "pipeline.report"]),
    ("python -m pipeline re", ["registry", "report"]),
    (".venv/bin/python -P -m pipeline --v", ["--version"]),
    # subcommands and options
    ("python -m pipeline.registry sh", ["show"]),
    ("python -m pipeline registry sh", ["show"]),
    ("python -m pipeline.report te", ["tensors"]),
    ("python -m pipeline.registry show 1 --gr", ["--group"]),
    ("python -m pipeline.report prune --ke", ["--keep"]),
    ("python -m pipeline.run --upsert --st", ["--start", "--state"]),
    ("python -m pipeline.completion ", ["bash", "zsh"]),
    # values
    ("python -m pipeline.run --env pro", ["production"]),
    ("python -m pipeline.run --env=pro", ["--env=production"]),
    ("python -m pipeline.run --set backbone.n", ["backbone.name="]),
    ("python -m pipeline.run --set data.split.tr", ["data.split.train="]),
    ("python -m pipeline.settings tu", ["tuning"]),
    ("python -m pipeline.registry show --state {state} ", ["newest", "2", "1"]),
    ("python -m pipeline.registry compare --state {state} 2 ", ["newest", "2", "1"]),
    ("python -m pipeline.registry list --state {state} --group ", ["birds", "dogs"]),
    ("python -m pipeline.registry show --state {state} --group birds ", ["newest", "1"]),
    ("python -m pipeline.report --state {state} ab", ["abcdef"]),
    ("python -m pipeline.run --local --state {state} --retry ab", ["abcdef"]),
    ("python -m pipeline.report track --state {state} a", ["abcdef", "all"]),
    ("python -m pipeline.data review --state {state} ab", ["abcdef"]),
    ("python -m pipeline.endpoint delete --state={state} do", ["dogs-staging"]),
    ("python -m pipeline.endpoint predict 'a b.jpg' --state {state} --endpoint ", ["dogs-staging"]),
]
NOTHING = [
    "python script.py --he",
    "python -m http.server pipeline",
    "python -m pipelines.run --",
    "python -m pipeline.nothing --",
    "python -m pipeline.endpoint predict ",  # files, which the shell knows
    "python -m pipeline.run --check ",
    "python -m pipeline.sample --classes ",
    "python -m pipeline.registry show --aws --state {state} ",  # AWS is not asked
    "python -m pipeline.registry show --state /nowhere ",
    "python -m pipeline.run --settings /nowhere --env ",
    "",
    "python -m pipeline.registry show '",
    'python -m pipeline.registry show "$(touch hacked)',
    "python -m pipeline.registry show \\",
    "python -m pipeline.run --set \0",
    "-m",
]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with two groups, a run, an endpoint, and one that is named to be a command."""
    store = Store(tmp_path)
    for kind, name in (
        *(("ModelPackage", name) for name in ("dogs/1", "birds/1", "dogs/2")),
        *(("ModelPackageGroup", name) for name in ("dogs", "birds")),
        ("PipelineExecution", "abcdef"),
        ("Endpoint", "dogs-staging"),
        ("Endpoint", "do$(touch hacked)"),
    ):
        store.put(kind, name, {})
    return tmp_path


@pytest.mark.parametrize(("line", "found"), LINES)
def test_a_line_goes_on_with(line: str, found: list[str], state: Path) -> None:
    words = candidates(line.format(state=state))
    assert [word for word in words if word in found] == found
    assert words == found or line.endswith(("pipe", "show ", "--group "))


def taking(metavars: set[str]) -> Iterator[str]:
    """The lines behind which one of these stands, of every command and subcommand."""
    for name in (one.name for one in commands()):
        for words, parser in importlib.import_module(f"pipeline.{name}.__main__").parsers().items():
            kinds = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
            for more, own in (kinds[0].choices if kinds else {"": parser}).items():
                first = next((one for one in own._actions if not one.option_strings), None)
                if first is not None and first.metavar in metavars:
                    yield f"python -m pipeline.{name} {words} {more} --state {{state}} "


@pytest.mark.parametrize("line", taking({"RUN", "VERSION"}))
def test_whatever_takes_a_run_or_a_version_offers_those_there_are(line: str, state: Path) -> None:
    assert {"newest", "2" if "registry" in line else "abcdef"} <= set(
        candidates(line.format(state=state))
    )


@pytest.mark.parametrize("line", NOTHING)
def test_nothing_is_offered_where_nothing_is_known(line: str, state: Path) -> None:
    assert candidates(line.format(state=state)) == []


def test_an_option_is_offered_once_and_not_beside_what_excludes_it() -> None:
    words = candidates("python -m pipeline.registry list --limit 3 --aws --")
    assert not {"--limit", "--aws", "--local"} & set(words)
    assert {"--group", "--json", "--set"} <= set(words)
    assert "--set" in candidates("python -m pipeline.run --check --set a=b --")


def test_a_shell_that_breaks_words_at_a_sign_gets_the_rest_alone() -> None:
    assert candidates("python -m pipeline.run --env=pro", "=:") == ["production"]


def test_a_damaged_state_has_no_values(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database")
    assert candidates(f"python -m pipeline.registry show --state {tmp_path} ") == []
