# ruff: noqa: RUF001 - digits of other alphabets are what this is about
"""Whatever is typed, every command answers with a line and an exit code: no traceback, no waiting.

One more case is one more line.
"""

import importlib
import io
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.command_line.running import run_command
from pipeline.local.store import Store
from tests.pipeline.local.state_support import registered

HUGE = "9" * 5000
DEEP = "[" * 5000
BOMB = "\n".join(
    ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    + [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    ]
)
MERGES = "\n".join(
    ["a: &a {k: 1}"]
    + [
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}"
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    ]
)
FILES = {
    "bomb.yaml": BOMB,
    "merges.yaml": MERGES,
    "lists.yaml": f"training: {DEEP}",
    "blocks.yaml": "\n".join(" " * level + "a:" for level in range(600)),
    "minuses.yaml": "- " * 5000,
    "loop.yaml": "training: &a\n  lr: *a",
    "number.yaml": f"version: 1\ntraining:\n  epochs: {HUGE}",
    "large.yaml": "# a comment\n" * 100_000,
    "bytes.yaml": "\udcff\udcfe",
    "empty.yaml": "",
    "deep.json": f'{{"Steps": {DEEP}',
    "huge.json": f'{{"Steps": [{HUGE}]}}',
    "index.json": json.dumps({"Steps": [{"Get": f"Steps.A.B[{HUGE}]"}]}),
    "text.json": "hello",
}

# What is typed, the exit code, and what the message says. DIR is a folder with FILES in it.
CASES = """
completion fish | 2 | invalid choice
completion | 2 | name the shell: bash or zsh
schema ² | 2 | '²' has no document
schema registry lst | 2 | did you mean registry list
registry show ² | 2 | no version '²' of dogs; there are: 1
registry show ١ | 2 | no version '١' of dogs
registry show 1_0 | 2 | no version 1_0
registry show +1 | 2 | no version +1
registry show ' 1' | 2 | no version ' 1'
registry show '' | 2 | no version ''
registry show HUGE | 2 | no version '9999
registry show arn: | 1 | error
registry show arn:aws:sagemaker:us-east-1:1:x | 1 | error
registry compare ² 1 | 2 | no version '²'
registry compare 1 ² | 2 | no version '²'
registry approve ² | 2 | no version '²'
registry reject 1.0 | 2 | no version 1.0
registry list --limit ² | 2 | '²' is not a whole number
registry list --limit 1_0 | 2 | 1_0 is not a whole number
registry list --limit HUGE | 2 | is not a whole number
registry list --limit 0 | 2 | 0 is not 1 or more
registry list --group ² | 2 | no group '²'
registry list --group '' | 2 | no group
report ² | 2 | there are no runs yet
report '' | 2 | there are no runs yet
report arn: | 1 | error
report --limit ١ | 2 | '١' is not a whole number
report track ² --uri mlruns | 2 | there are no runs yet
report track newest --max-artifact-mb ² | 2 | '²' is not a whole number
report prune --keep ² | 2 | '²' is not a whole number
report prune --keep 1 --older-than ²d | 2 | error
report prune --keep 1 --older-than HUGEd | 2 | error
report prune --keep 1 --older-than 1_0d | 2 | error
endpoint predict DIR/empty --csv DIR/out.csv | 2 | error
endpoint predict /dev --csv DIR/out.csv | 2 | error
report tensors ² | 2 | there are no runs yet
endpoint predict /dev/zero | 2 | /dev/zero is not a regular file
endpoint predict /dev/null | 2 | /dev/null is not a regular file
endpoint predict DIR/fifo | 2 | fifo is not a regular file
endpoint predict DIR | 2 | is a folder
endpoint predict DIR/none | 2 | there is no file
endpoint predict '' | 2 | is a folder
endpoint predict '' --csv DIR/out.csv | 2 | there is no file ''
endpoint predict DIR --csv '' | 2 | '' names nothing
endpoint predict DIR/text.json --top ² | 2 | '²' is not a whole number
endpoint bench /dev/zero | 2 | /dev/zero is not a regular file
endpoint bench DIR/text.json --concurrency 1,² | 2 | '²' is not a whole number
endpoint bench DIR/text.json --concurrency 1,,2 | 2 | '' is not a whole number
endpoint bench DIR/text.json --concurrency HUGE | 2 | is not a whole number
endpoint bench DIR/text.json --seconds 1_0 | 2 | 1_0 is not a whole number
endpoint serve --port ² | 2 | '²' is not a whole number
endpoint serve --port 65536 | 2 | is not a port
endpoint serve --port -1 | 2 | error
endpoint serve --model ² | 2 | no version '²'
endpoint serve --model /dev/zero | 2 | no version /dev/zero
endpoint rollback --to ² | 2 | '²' is not a whole number
endpoint delete ² | 2 | no endpoint '²'
run --check /dev/zero | 2 | /dev/zero is not a regular file
run --check DIR | 2 | is a folder
run --check DIR/fifo | 2 | fifo is not a regular file
run --check DIR/none | 2 | cannot read
run --check DIR/deep.json | 2 | is not JSON
run --check DIR/huge.json | 2 | error
run --check DIR/index.json | 1 | error
run --check DIR/text.json | 2 | is not JSON
run --diff /dev/zero DIR/text.json | 2 | /dev/zero is not a regular file
run --definition --settings /dev/zero | 2 | /dev/zero is not a regular file
run --definition --settings DIR/fifo | 2 | fifo is not a regular file
run --definition --settings DIR | 2 | is a folder
run --definition --settings DIR/none | 2 | cannot be read
run --definition --settings DIR/bomb.yaml | 2 | bomb.yaml:5: not YAML: more than 20,000 values
run --definition --settings DIR/merges.yaml | 2 | merges.yaml:5: not YAML: more than 20,000 values
run --definition --settings DIR/lists.yaml | 2 | lists.yaml:1: not YAML: nested deeper than 40
run --definition --settings DIR/blocks.yaml | 2 | not YAML: nested deeper than 40
run --definition --settings DIR/minuses.yaml | 2 | minuses.yaml:1: not YAML: nested deeper than 40
run --definition --settings DIR/loop.yaml | 2 | loop.yaml:1: not YAML: an anchor that contains
run --definition --settings DIR/number.yaml | 2 | number.yaml:3: not YAML: a number of 5,000
run --definition --settings DIR/large.yaml | 2 | large.yaml is larger than 262,144 bytes
run --definition --settings DIR/bytes.yaml | 2 | is not UTF-8 text
run --definition --settings DIR/empty.yaml | 2 | must be a mapping of settings
run --definition --set training.epochs=DEEP | 2 | the value is not YAML: nested deeper than 40
run --definition --set training.epochs=HUGE | 2 | a number of 5,000 characters
run --definition --set training.epochs=² | 2 | training.epochs
run --definition --set training.epochs=1_0 | 2 | training.epochs
run --definition --set aws.account_id=١١١١٢٢٢٢٣٣٣٣ | 2 | 12 digits
run --definition --set aws.region=eu-west-² | 2 | a region
run --definition --set ² | 2 | must look like key.path=value
run --local --parameter TuningMaxJobs=² | 2 | --parameter TuningMaxJobs=²
run --local --parameter TuningMaxJobs=1_0 | 2 | --parameter TuningMaxJobs=1_0
run --local --parameter TuningMaxJobs=HUGE | 2 | a number of 5,000 characters
run --local --parameter AccuracyThreshold=٠.٥ | 2 | --parameter AccuracyThreshold
run --local --parameter AccuracyThreshold=nan | 2 | --parameter AccuracyThreshold
run --local --parameter ² | 2 | must look like Name=Value
run --local --data /dev/zero | 2 | neither a folder
run --local --data ² | 2 | no such folder
run --local --data STEER | 2 | --data \\x1b[31m: no such folder
run --local --data '' | 2 | names no folder
run --local --data https://x/y.zip | 2 | python -m pipeline.data upload https://x/y.zip --local
run --local --state /dev/null | 1 | cannot use /dev/null for local state: it is no folder
run --local --state '' | 2 | '' names nothing
run --definition --settings '' | 2 | '' names nothing
cost /dev/zero | 2 | /dev/zero is not a regular file
cost DIR/text.json --prices /dev/zero | 2 | is not JSON
data upload /dev/zero --local | 2 | no such folder or archive
data upload ² --local | 2 | no such folder or archive
data upload '' --local | 2 | '' names nothing
sample DIR/new --classes ² | 2 | '²' is not a whole number
sample DIR/new --per-class 1_0 | 2 | 1_0 is not a whole number
sample DIR/new --seed -1 | 2 | error
registry show BYTE | 2 | no version
registry approve 1 --reason BYTE | 0 | Approved
registry list --group BYTE | 2 | no group
registry list --state BYTE | 2 | nothing is in
registry list --state LONG | 1 | File name too long
report BYTE | 2 | there are no runs yet
report LONG | 2 | there are no runs yet
report newest --out BYTE | 2 | there are no runs yet
endpoint predict BYTE | 2 | there is no file
endpoint predict LONG | 1 | File name too long
endpoint delete BYTE | 2 | no endpoint
endpoint rollback BYTE | 2 | nothing deploys here yet
endpoint serve --model LONG | 1 | File name too long
run --check BYTE | 2 | cannot read
run --check LONG | 2 | cannot read
run --definition --settings LONG | 2 | cannot be read
run --definition --set project=BYTE | 2 | not YAML
run --definition --env BYTE | 2 | no environment
run --local --data BYTE | 2 | no such folder
run --local --data LONG | 1 | File name too long
run --local --data s3://BYTE --set project=² | 2 | project
run --local --parameter DataUri=BYTE | 2 | DataUri
data upload BYTE --local | 2 | no such folder
data upload LONG --local | 1 | File name too long
data upload file:///x --local | 2 | https
data upload ftp://² --local | 2 | https
sample BYTE/x/y --classes 99999 | 2 | classes
settings ² | 2 | there is no section '²'
local check --state DIR/none | 2 | is no folder
local repair --state /dev/null | 2 | is no folder
"""
MEANT = {"STEER": "\x1b[31m", "HUGE": HUGE, "DEEP": DEEP, "BYTE": "\udcff", "LONG": "x" * 5000}
ROWS = [tuple(part.strip() for part in row.split("|")) for row in CASES.strip().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with one version, and the files."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, text in FILES.items():
        (folder / name).write_bytes(os.fsencode(text))
    os.mkfifo(folder / "fifo")
    (folder / "empty").mkdir()
    registered(Store(folder / "state"))
    return folder


@pytest.fixture(autouse=True)
def state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PIPELINE_STATE", str(folder / "state"))
    monkeypatch.chdir(folder)
    yield


def _meant(word: str, folder: Path) -> str:
    for name, text in ({"DIR": str(folder)} | MEANT).items():
        word = word.replace(name, text)
    return word


@pytest.mark.parametrize(("typed", "code", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_it_is_one_clear_refusal(
    typed: str, code: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *words = shlex.split(typed)
    given = [_meant(word, folder) for word in words]
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")  # as a command has it
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, out)
    main = importlib.import_module(f"pipeline.{command}.__main__").main
    try:
        ended = run_command(main, given)
    except SystemExit as refused:
        ended = int(str(refused.code))
    out.seek(0)
    said = out.read()
    assert ended == int(code), said[-2000:]
    assert message in said
    assert "Traceback" not in said
    assert "\x1b" not in said
    if code == "2":
        assert max(map(len, said.split())) < 1000
