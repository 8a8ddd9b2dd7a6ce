"""Say, before it is decided, what an approval, a rejection or a rollback does to production.

What is done is decided by the function that deploys, when the decision reaches it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.endpoint.production import Production, Running


@dataclass(frozen=True)
class Outlook:
    """What production runs now and what it will run: ARNs of versions, None for none.

    `words` say it for people, one sentence each.
    """

    now: str | None
    then: str | None
    words: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether production will run something else."""
        return self.now != self.then


def on_approval(found: Production | None, package: str) -> Outlook:
    """Say what approving a version does."""
    if found is None:
        return _nothing_deploys()
    name, running = found.names.production, found.production
    if running is None:
        return _told(
            found, package, f"{name} does not exist yet: it is created with {_of(package)}."
        )
    if running.status == "Failed":
        return _told(found, package, f"{name} has failed: it is made anew with {_of(package)}.")
    if running.goal == package:
        way = "is on its way to" if running.is_busy else "has"
        return _told(found, package, f"{name} {way} {_of(package)} already: nothing is deployed.")
    if running.is_busy:
        now = f"{name} is {running.status} to {_of(running.goal)} now"
        return _told(found, package, f"{now}: {_of(package)} follows when that is over.")
    old = _of(running.package)
    return _told(
        found,
        package,
        f"{name} is updated from {old} to {_of(package)}.",
        f"{old.capitalize()} answers until then, and stays if {_of(package)} does not come up.",
    )


def on_rejection(found: Production | None, package: str, approved: Sequence[str]) -> Outlook:
    """Say what rejecting a version does, given the ARNs of the approved ones, newest first."""
    if found is None:
        return _nothing_deploys()
    name, running = found.names.production, found.production
    if running is None or running.goal != package:
        has = _of(running.goal) if running else "nothing"
        then = running.goal if running else None
        return _told(found, then, f"{name} has {has}: rejecting {_of(package)} changes nothing.")
    others = [one for one in approved if one != package]
    if not others:
        return _told(
            found,
            package,
            f"{name} has {_of(package)}, and no other version is approved to take its place.",
            f"It goes on with {_of(package)} until one is approved, and an error says so.",
        )
    then = running.before if running.before in others else others[0]
    return _told(
        found,
        then,
        f"{name} has {_of(package)}: it goes back to the newest decision that still stands,"
        f" {_of(then)} as it looks now.",
    )


def on_rollback(found: Production, package: str) -> Outlook:
    """Say what rolling production back to a version does."""
    name, running = found.names.production, found.production
    if running is None:
        return _told(found, None, f"there is no endpoint {name}: nothing can be rolled back.")
    if running.goal == package:
        return _told(found, package, f"{name} has {_of(package)} already: nothing is deployed.")
    return _told(
        found,
        package,
        f"{name} goes from {_of(running.goal)} back to {_of(package)}.",
        "Both stay approved; what was approved in between does not undo it, a later approval does.",
    )


def rollback_choices(found: Production | None, approved: Sequence[str]) -> tuple[str, ...]:
    """Return the ARNs of versions that production may go back to, the likeliest first.

    Whether it ever had one the function that deploys knows, and refuses it otherwise.
    """
    running = found.production if found else None
    if running is None:
        return ()
    now = _number(running.goal)

    def likeliest(package: str) -> tuple[bool, bool, int]:
        number = _number(package)
        return package != running.before, number > now, -number

    return tuple(sorted((one for one in approved if one != running.goal), key=likeliest))


def _nothing_deploys() -> Outlook:
    return Outlook(None, None, ("Nothing deploys this group here: only the registry changes.",))


def _told(found: Production, then: str | None, *words: str) -> Outlook:
    running = found.production
    now = running.goal if running and running.status != "Failed" else None
    staging = found.names.staging
    about_staging = (_of_staging(staging, found.staging),) if staging else ()
    return Outlook(now, then, (*words, *about_staging))


def _of_staging(name: str, running: Running | None) -> str:
    has = f"it has {_of(running.goal)}" if running else "it does not exist"
    return f"{name}, the staging endpoint, is not touched: {has}."


def _of(package: str | None) -> str:
    return f"version {package.rpartition('/')[2]}" if package else "a model of somebody else"


def _number(package: str | None) -> int:
    number = (package or "").rpartition("/")[2]
    return int(number) if number.isdecimal() else 0
