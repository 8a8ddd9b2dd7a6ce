"""Read the group of versions that a request is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.console.context import console_of
from pipeline.console.place import Place
from pipeline.console.progress import Progress
from pipeline.console.registered import Row, row_of
from pipeline.endpoint.production import Production, approved_arns, champion_of
from pipeline.errors import UsageError
from pipeline.registry.versions import Version, choose_group, find_version, read_versions
from pipeline.target import Target

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.registry.comparison import Comparison


@dataclass(frozen=True)
class Group:
    """A group of versions, and where to read and change it: as the commands would."""

    name: str
    place: Place

    @property
    def target(self) -> Target:
        """The registry that it is in."""
        return self.place.target

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
        """Read what the endpoints run; None where nothing deploys it."""
        return self.place.production(self.name)

    def progress(self) -> Progress:
        """Read where the endpoints are now."""
        return self.place.progress(self.name)

    def champion(self, found: Production | None) -> str | None:
        """Return the ARN of the version that new ones are compared with; None without any."""
        return champion_of(self.target, self.name, found)

    def rows(
        self, arns: Sequence[str], champion: str | None, found: Production | None
    ) -> list[Row]:
        """Read versions, each as a row, without what their evaluations say of single classes."""
        from pipeline.registry.origins import Origins

        origins = Origins(self.target.sagemaker, self.place.defaults())
        return [
            row_of(one, champion, found, origins.made(one, tuned=False))
            for one in read_versions(self.place.listing, arns)
        ]

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
    return open_group(console_of(request).place, request.path_params["group"])


def open_group(place: Place, name: str) -> Group:
    """Return the group of that name. Raises UsageError where there is none such."""
    return Group(choose_group(place.target, name), place)
