"""Order the decisions about an endpoint, for the functions here and for all who read them later.

Plain Python: the command line uses it too.
"""

from datetime import datetime

Place = tuple[datetime, int]
Order = tuple[Place, datetime, str]


def place_of(package: str, decided: datetime) -> Place:
    """Return a decision's sort key: of two in one moment the one for the later version is newer."""
    version = version_of(package)
    return decided, int(version) if version.isdecimal() else 0  # one without versions


def order_of(package: str, decided: datetime, written: datetime, config: str) -> Order:
    """Return the sort key of a decision written down: one may be so under several settings."""
    return place_of(package, decided), written, config


def version_of(package: str) -> str:
    """Return the version's number in a model package's ARN."""
    return package.rpartition("/")[2]
