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
_OF_MODELS = ("Image",)  # the one who chose to serve by it may have no newer one: TorchServe ended
_MEND = "move on to a newer image: docs/owning.md, A newer image"


@rule("image-unpatched", accepted=True)
def unpatched(document: CheckedDefinition) -> Iterator[Problem]:
    """Report jobs in images that AWS patches no longer."""
    for node, end, today in _known(document, _OF_JOBS):
        if today > end:
            yield _unpatched(node, end)


@rule("model-image-unpatched", "warning")
def model_unpatched(document: CheckedDefinition) -> Iterator[Problem]:
    """Report models in images that AWS patches no longer."""
    for node, end, today in _known(document, _OF_MODELS):
        if today > end:
            yield _unpatched(node, end)


@rule("image-ends", "warning")
def ends_soon(document: CheckedDefinition) -> Iterator[Problem]:
    """Report images whose patches end within 90 days."""
    for node, end, today in _known(document, _OF_JOBS + _OF_MODELS):
        if today <= end <= today + _NOTICE:
            what = f"AWS patches this image until {end}, for another {(end - today).days} days"
            yield Problem(node.path, what, _MEND)


def _unpatched(node: Node, end: date) -> Problem:
    return Problem(node.path, f"AWS has not patched this image since {end}", _MEND)


def _known(document: CheckedDefinition, keys: tuple[str, ...]) -> Iterator[tuple[Node, date, date]]:
    """Yield images under `keys` with the end of their patches and today; none without a today."""
    for node in document.node.walk() if document.today else ():
        address = known_value(document, node) if node.key in keys else None
        end = patched_until(address) if isinstance(address, str) else None
        if end is not None and document.today is not None:
            yield node, end, document.today


RULES: tuple[Rule, ...] = (unpatched, model_unpatched, ends_soon)
