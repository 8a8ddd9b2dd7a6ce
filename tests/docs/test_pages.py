"""README and docs name what there is: files, links, commands with their options, errors."""

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference_code.picture_formats import listed
from pipeline.command_line.running import ROOT
from pipeline.run.outcome import LocalOutcome
from pipeline.run.smoke_test import Asked
from pipeline.settings.loading import load_settings
from pipeline.settings.serverless import staging_memory_mb

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = ("pipeline", "steps", "training_code", "inference_code", "lambda_code")
# What a user meets; others are caught on the way.
ENDINGS = ("PipelineError", "UsageError", "JobError", "DeployError", "AwsError", "ModelServerError")
CLASS = re.compile(r"^ *class ([A-Za-z]\w*)\(([^)]*)\)", re.MULTILINE)


def commands() -> Iterator[str]:
    """Every command of ours in a page, without the words that explain it."""
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        for found in re.findall(r"(?:^|`)(python -m pipeline\.[^`\n]*)", text, re.MULTILINE):
            yield re.split(r" {2,}(?=\S)(?!--)", found)[0].partition(" > ")[0]


def error_classes() -> Iterator[str]:
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name, bases in CLASS.findall(path.read_text()):
                if not {base.strip() for base in bases.split(",")}.isdisjoint(ENDINGS):
                    yield name


class Accepted(Exception):
    """The command line was understood; nothing of it is to be done."""


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_in_a_page_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def only_parse(parser: argparse.ArgumentParser, words: list[str]) -> None:
        parse(parser, words)
        raise Accepted

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
    module, *words = shlex.split(command)[2:]
    folder = ROOT / Path(*module.split("."))
    main = importlib.import_module(f"{module}.__main__" if folder.is_dir() else module).main
    with pytest.raises(Accepted):
        main(words)


def test_the_commands_are_found() -> None:
    assert "python -m pipeline.registry compare 2 1" in set(commands())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(rf"`((?:{'|'.join(CODE)}|tests|benchmarks|infra|docs)/[\w/.]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", sorted(set(error_classes())))
def test_every_error_that_a_user_meets_is_explained(name: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / "docs" / "troubleshooting.md").read_text())


def test_the_picture_formats_are_current() -> None:
    assert f"one {listed()} picture" in (ROOT / "docs" / "serving.md").read_text()


def test_the_readme_shows_what_a_run_prints() -> None:
    outcome = LocalOutcome(
        execution="0rcbharqq4m6",
        status="Succeeded",
        data="6 classes",
        accuracy=0.8,
        test_pictures=36,
        champion="not compared",
        model="model.tar.gz",
        rules="5 found no issues",
        model_package="dog-breeds/1",
        version=1,
        approval_status="PendingManualApproval",
        endpoint="dog-breeds-staging",
        asked=Asked("a/1.jpg", "a", "a", 0.9),
        report="report.html",
        next_command="python",
    )
    printed = outcome.summary().splitlines()
    shown = (ROOT / "README.md").read_text().partition(printed[0])[2].partition("\n```")[0]
    labels = [line[: len("  test accuracy  ")].split() for line in printed[1:-1]]
    assert [line[: len("  test accuracy  ")].split() for line in shown.splitlines()[1:-1]] == labels
    assert shown.splitlines()[-1].startswith("next: ")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_quotas_are_those_that_the_settings_need() -> None:
    settings = load_settings(ROOT / "pipeline.yaml", None, ())
    production, tuning = settings.deploy.production, settings.instances.tuning
    busy = production.autoscaling.max_instances
    staging = settings.deploy.staging
    assert staging.type == "serverless"
    updated = 2 * production.instance_count
    rows = (
        f"| {settings.instances.processing.type} for processing job usage | 1 |",
        f"| {settings.instances.training.type} for training job usage | 1 |",
        f"| {tuning.type} for training job usage | {settings.tuning.max_parallel_jobs} ",
        f"| {production.instance_type} for endpoint usage | {updated}: ",
        f"; {2 * busy} when scaled up |",
        f"| {staging.max_concurrency} (`deploy.staging.max_concurrency`);",
        f"| nothing: {staging_memory_mb(settings):,} (`deploy.staging.memory_mb`),",
    )
    page = (ROOT / "docs/aws.md").read_text()
    assert [row for row in rows if row not in page] == []
