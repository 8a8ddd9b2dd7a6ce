"""Check the account around the pipeline: regions, accounts, secrets, sizes, retry policies."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.jobs import options, plain_text
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, shown

MOST_CHARACTERS = 1_048_576
MOST_STEPS = 50

_IMAGE_REGION = re.compile(r"\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com")
_ARN_REGION = re.compile(r"^arn:aws[a-z-]*:[a-z0-9-]+:([a-z0-9-]+):")
_OWNED = re.compile(r"^arn:aws[a-z-]*:(?:iam|lambda):[a-z0-9-]*:(\d{12}):(?:role|function)")
_SECRET_NAME = re.compile(
    r"(?i)(^|[_.-])(password|passwd|secret|credentials?|token|private[_-]?key|"
    r"(api|access|secret|auth)[_-]?key)$"
)
_OF_A_VOCABULARY = re.compile(r"(?i)(bos|cls|eos|mask|pad|sep|stop|unk)[_-]?token$")
_SECRET_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bhf_[A-Za-z0-9]{20,}|"
    r"\bxox[abpr]-[\w-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@|"
    r"\bsk-[\w-]{20,}|\bAIza[\w-]{35}"
)


@rule("region", accepted=True)
def regions(document: CheckedDefinition) -> Iterator[Problem]:
    """Report images, ARNs and hyperparameters of another region than most of the pipeline."""
    yield from _others(_regions(document), "is in region", "use the one of the same region")


@rule("account", accepted=True)
def accounts(document: CheckedDefinition) -> Iterator[Problem]:
    """Report roles and functions of another account than most of the pipeline."""
    found = [
        (node, match[1])
        for node in document.node.walk()
        if node.text and (match := _OWNED.match(node.text))
    ]
    yield from _others(found, "belongs to account", "use the one of the same account")


@rule("secret", accepted=True)
def secrets(document: CheckedDefinition) -> Iterator[Problem]:
    """Report secrets: whoever may describe the pipeline or a job could read them."""
    mend = "keep it in Secrets Manager, and let the job read it there"
    for node in document.node.walk():
        if node.text and _SECRET_VALUE.search(node.text):
            yield Problem(node.path, "this looks like a secret", mend)
    for name, node in _named_values(document):
        kept_elsewhere = (plain_text(node) or "").startswith("arn:")
        if _is_secret(name) and node.exists and not kept_elsewhere:
            yield Problem(node.path, f"{name!r} is named like a secret", mend)


@rule("size")
def sizes(document: CheckedDefinition) -> Iterator[Problem]:
    """Report more characters or steps than SageMaker takes."""
    length = len(json.dumps(document.node.value, default=str))
    if length > MOST_CHARACTERS:
        what = f"the definition has {length:,} characters; SageMaker takes {MOST_CHARACTERS:,}"
        yield Problem((), what, "move long values into files of the jobs")
    if len(document.steps) > MOST_STEPS:
        what = f"the pipeline has {len(document.steps)} steps; SageMaker takes {MOST_STEPS}"
        yield Problem(("Steps",), what, "put several jobs' work into one")


@rule("retry")
def retries(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a retry policy with two limits, or two policies for the same exception."""
    for step in document.steps:
        seen: set[str] = set()
        for policy in step.node["RetryPolicies"].items():
            if policy["MaxAttempts"].exists and policy["ExpireAfterMin"].exists:
                what = "a retry policy has MaxAttempts or ExpireAfterMin, not both"
                yield Problem(policy.path, what, "remove one of them")
            for exception in policy["ExceptionType"].items():
                if exception.text in seen:
                    what = f"{exception.text} has a retry policy already"
                    yield Problem(exception.path, what, "remove it from one of the two")
                seen.add(exception.text or "")


def regions_of(document: CheckedDefinition) -> frozenset[str]:
    """Return the regions that images, ARNs and hyperparameters of a definition name."""
    return frozenset(region for _, region in _regions(document))


def _regions(document: CheckedDefinition) -> list[tuple[Node, str]]:
    return [(node, region) for node in document.node.walk() if (region := _region(node))]


def _region(node: Node) -> str | None:
    if node.text is None:
        return None
    if node.key == "sagemaker_region":
        return plain_text(node)
    match = _IMAGE_REGION.search(node.text) or _ARN_REGION.match(plain_text(node) or "")
    return match[1] if match else None


def _others(found: list[tuple[Node, str]], words: str, mend: str) -> Iterator[Problem]:
    """Report values that differ from the majority."""
    counts = Counter(value for _, value in found)
    most = max(counts, key=lambda value: counts[value], default="")
    for node, value in found:
        if value != most:
            what = f"{shown(node.value)} {words} {value}, the rest of the pipeline in {most}"
            yield Problem(node.path, what, mend)


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _OF_A_VOCABULARY.search(name)


def _named_values(document: CheckedDefinition) -> Iterator[tuple[str, Node]]:
    for step in document.steps:
        for node in step.own_nodes():
            if node.key in ("Environment", "HyperParameters", "StaticHyperParameters"):
                yield from node.members()
        if step.type == "Lambda":
            yield from step.arguments.members()
        if step.type == "Processing":
            yield from ((name, value) for name, _, value in options(step))
    for name, parameter in document.parameters.items():
        yield name, parameter["DefaultValue"]


RULES: tuple[Rule, ...] = (regions, accounts, secrets, sizes, retries)
