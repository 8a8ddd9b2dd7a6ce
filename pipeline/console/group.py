"""Read the group of versions that a request is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console.context import Console, console_of
from pipeline.console.progress import Progress, production_of, progress_of
from pipeline.console.registered import Row, row_of
from pipeline.console.short_evaluation import read_short
from pipeline.endpoint.production import Production, approved_arns, champion_of
from pipeline.errors import UsageError
from pipeline.local.store import Store
from pipeline.registry.versions import Version, choose_group, find_version, read_versions
from pipeline.report.sources.local_source import LocalSource
from pipeline.target import Target

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.comparing.chosen import Chosen
    from pipeline.registry.comparison import Comparison


@dataclass(frozen=True)
class Group:
    """A group of versions, and where to read and change it: as the commands would."""

    name: str
    source: LocalSource
    target: Target
    settings: Path

    @property
    def store(self) -> Store:
        """The local state."""
        return self.source.store

    @property
    def address(self) -> str:
        """The path of the group's page."""
        return f"/registry/{self.name}"

    def find(self, number: int) -> Version:
        """Read one version. Raises UsageError that lists the versions there are."""
        return find_version(self.target, self.name, str(number))

    def approved(self) -> list[str]:
        """Return the ARNs of the approved versions, newest first."""
        return approved_arns(self.target, self.name)

    def production(self) -> Production | None:
        """Read what the endpoints run; None where no run has set any up."""
        return production_of(self.store, self.target, self.name)

    def progress(self) -> Progress:
        """Read where the endpoints are now."""
        return progress_of(self.store, self.target, self.name)

    def champion(self, found: Production | None) -> str | None:
        """Return the ARN of the version that new ones are compared with; None without any."""
        return champion_of(self.target, self.name, found)

    def rows(
        self, arns: Sequence[str], champion: str | None, found: Production | None
    ) -> list[Row]:
        """Read versions, each as a row, without what their evaluations say of single classes."""
        from pipeline.registry.origins import Origins

        target = Target(self.target.sagemaker, partial(read_short, self.store))
        origins = Origins(self.target.sagemaker, self.defaults())
        return [
            row_of(one, champion, found, origins.made(one, tuned=False))
            for one in read_versions(target, arns)
        ]

    def defaults(self) -> "Chosen | None":
        """Return what a run is made with that is told nothing; None where that is not known."""
        there = self.settings.is_file()
        return _defaults(self.settings, self.settings.stat().st_mtime_ns if there else 0)

    def compared(self, version: Version, other: str | None) -> "Comparison | str":
        """Compare a version with another, or say why that cannot be done."""
        from pipeline.registry.comparison import compare_versions

        if other is None:
            return "There is no version to compare it with."
        if other == version.arn:
            return "It is that version itself."
        try:
            return compare_versions(self.target, self.name, version.arn, other)
        except UsageError as error:
            return f"Cannot be compared: {error}."


def group_of(request: "Request") -> Group:
    """Return the group in a request's path. Raises UsageError where there is none such."""
    return open_group(console_of(request), request.path_params["group"])


def open_group(console: Console, name: str) -> Group:
    """Return the group of that name. Raises UsageError where there is none such."""
    source = LocalSource(console.store)
    target = Target(source.sagemaker, source.read)
    return Group(choose_group(target, name), source, target, console.settings)


def names_of(console: Console) -> list[str]:
    """Return the names of all groups, in alphabetical order."""
    source = LocalSource(console.store)
    pages = source.sagemaker.get_paginator("list_model_package_groups").paginate()
    groups = (group for page in pages for group in page["ModelPackageGroupSummaryList"])
    return sorted(str(group["ModelPackageGroupName"]) for group in groups)


@lru_cache(maxsize=2)
def _defaults(path: Path, _written: int) -> "Chosen | None":
    # Here and above: what is heavy is loaded by who shows it, and not by every page.
    from pipeline.comparing.defaults import LOCAL_ENVIRONMENT, read_defaults

    return read_defaults(path, LOCAL_ENVIRONMENT)
