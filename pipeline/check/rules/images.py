"""Check that AWS still patches the images: it does so for a year, and then never again."""

from collections.abc import Iterator
from datetime import date, timedelta

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node
from pipeline.images.catalog import patched_until

_NOTICE = timedelta(days=90)
_OF_JOBS = ("ImageUri", "TrainingImage")
_OF_MODELS = ("Image",)
_MEND = "move on to a newer image: docs/owning.md, A newer image"


@rule("image-unpatched", accepted=True)
def unpatched(document: CheckedDefinition) -> Iterator[Problem]:
    """Report jobs in images that AWS patches no longer, but for those that models are served in."""
    for node, end in _ended(document):
        if _address(document, node) not in _serving(document):
            yield _unpatched(node, end)


@rule("model-image-unpatched", "warning")
def model_unpatched(document: CheckedDefinition) -> Iterator[Problem]:
    """Report models, and what evaluates them, in images that AWS patches no longer.

    Who chose to serve by such an image may have no newer one: TorchServe ended.
    """
    for node, end in _ended(document):
        if _address(document, node) in _serving(document):
            yield _unpatched(node, end)


@rule("image-ends", "warning")
def ends_soon(document: CheckedDefinition) -> Iterator[Problem]:
    """Report images whose patches end within 90 days."""
    for node, end, today in _known(document):
        if today <= end <= today + _NOTICE:
            what = f"AWS patches this image until {end}, for another {(end - today).days} days"
            yield Problem(node.path, what, _MEND)


def _unpatched(node: Node, end: date) -> Problem:
    return Problem(node.path, f"AWS has not patched this image since {end}", _MEND)


def _ended(document: CheckedDefinition) -> Iterator[tuple[Node, date]]:
    yield from ((node, end) for node, end, today in _known(document) if today > end)


def _known(document: CheckedDefinition) -> Iterator[tuple[Node, date, date]]:
    """Yield images with the end of their patches, if known, and today; none without a today."""
    for node in document.node.walk() if document.today else ():
        address = _address(document, node) if node.key in _OF_JOBS + _OF_MODELS else ""
        end = patched_until(address)
        if end is not None and document.today is not None:
            yield node, end, document.today


def _serving(document: CheckedDefinition) -> set[str]:
    """Return the images of the definition's models."""
    return {_address(document, node) for node in document.node.walk() if node.key in _OF_MODELS}


def _address(document: CheckedDefinition, node: Node) -> str:
    """Return an image's address; empty when it is not known before the run."""
    value = known_value(document, node)
    return value if isinstance(value, str) else ""


RULES: tuple[Rule, ...] = (unpatched, model_unpatched, ends_soon)
