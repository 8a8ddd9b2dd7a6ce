"""Tell what an auditor asks of a version: from what it was made, who decided, where it served."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.definition.steps import WrittenStep, written_steps
from pipeline.registry.served import Stay, stays_of
from pipeline.registry.versions import Version

if TYPE_CHECKING:
    from pipeline.registry.origins import Origins

_UNDECIDED = ("", "PendingManualApproval")
_IMAGES = ("ImageUri", "TrainingImage", "Image")
_SUBMITTED = "sagemaker_submit_directory"


@dataclass(frozen=True)
class StepOrigin:
    """What a step of the run was made of: its code, named by a digest of its bytes, and image."""

    code: str | None
    image: str | None


@dataclass(frozen=True)
class Decided:
    """A decision about a version: who changed it last and when, as the registry knows it.

    Of one that was registered with it and never changed: who registered it, and when.
    """

    status: str
    by: str | None
    at: datetime | None
    reason: str


@dataclass(frozen=True)
class Lineage:
    """Where a version comes from and what became of it.

    `steps` are those of its run, None where that is gone. `decided` is None while nothing was.
    `served` is None where that may not be read.
    """

    git_commit: str | None
    data_fingerprint: str | None
    run: str | None
    steps: Mapping[str, StepOrigin] | None
    serving_image: str | None
    serving_image_digest: str | None
    decided: Decided | None
    served: tuple[Stay, ...] | None


@dataclass(frozen=True)
class Card:
    """A version's model card in SageMaker's schema, and its status."""

    status: str | None
    content: Mapping[str, Any] | None

    @property
    def risk(self) -> str:
        """The risk rating that people gave it; Unknown without one."""
        uses = (self.content or {}).get("intended_uses")
        return str((uses if isinstance(uses, dict) else {}).get("risk_rating", "Unknown"))

    @property
    def summary(self) -> str:
        """The card in a few words."""
        return f"{self.status or 'without a status'}, risk {self.risk}"


def lineage_of(origins: "Origins", version: Version) -> Lineage:
    """Return a version's lineage; what may not be read is said by `origins` and left out."""
    made = origins.definition(version)
    containers = version.package.get("InferenceSpecification", {}).get("Containers") or [{}]
    return Lineage(
        git_commit=version.metadata.get("GitCommit"),
        data_fingerprint=version.metadata.get("DataFingerprint"),
        run=made[0] if made else version.run,
        steps=_steps(made[1]) if made else None,
        serving_image=containers[0].get("Image"),
        serving_image_digest=containers[0].get("ImageDigest"),
        decided=_decided(version),
        served=stays_of(origins, version.group, version.arn),
    )


def card_of(version: Version) -> Card | None:
    """Return a version's model card; None without one, or with one that is no JSON object."""
    card = version.package.get("ModelCard")
    if not card:
        return None
    try:
        content = json.loads(card.get("ModelCardContent", ""))
    except ValueError:
        content = None
    return Card(card.get("ModelCardStatus"), content if isinstance(content, dict) else None)


def _decided(version: Version) -> Decided | None:
    if version.approval in _UNDECIDED:
        return None
    package = version.package
    changed = package.get("LastModifiedTime")
    by = _person(package.get("LastModifiedBy" if changed else "CreatedBy") or {})
    return Decided(version.approval, by, changed or package.get("CreationTime"), version.reason)


def _person(who: Mapping[str, Any]) -> str | None:
    identity = who.get("IamIdentity") or {}
    names = (
        *(identity.get("SourceIdentity"), identity.get("Arn"), identity.get("PrincipalId")),
        *(who.get("UserProfileArn"), who.get("UserProfileName")),
    )
    return next((str(name) for name in names if name), None)


def _steps(definition: Mapping[str, Any]) -> dict[str, StepOrigin]:
    origins = {step.name: _origin(step) for step in written_steps(definition)}
    return {name: one for name, one in origins.items() if one.code or one.image}


def _origin(step: WrittenStep) -> StepOrigin:
    code = image = None
    for node in step.own_nodes():
        if node.key in _IMAGES:
            image = image or node.text
        elif node.key == _SUBMITTED:
            code = code or node.text
        elif node["InputName"].text == "code":
            code = code or node["S3Input"]["S3Uri"].text
    return StepOrigin(code, image)
