"""Check the network of jobs, and their keys: what isolation forbids, what one job alone lacks."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value
from pipeline.check.jobs import hyperparameters, options, plain_text, searches
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, shown
from pipeline.definition.steps import WrittenStep
from pipeline.job_scripts.processing import RUNNER
from pipeline.settings.local_disks import has_local_disk

_JOBS = ("Processing", "Training", "Tuning")
_CODE = "sagemaker_submit_directory"
_ADDRESS = re.compile(r"(s3|https?)://")
_OWNER = re.compile(r"^arn:aws[a-z-]*:(iam|kms):[a-z0-9-]*:(\d{12}):(?:role|key)/")
_VOLUME = "VolumeKmsKeyId"
_PIP = ("PIP_NO_INDEX", "PIP_FIND_LINKS")


@dataclass(frozen=True)
class _Job:
    """A job of a step: where its network stands, its keys, its variables."""

    step: WrittenStep
    node: Node

    def network(self, name: str) -> Node:
        """Return a member of the job's network, which processing jobs have apart."""
        inside = self.node["NetworkConfig"] if self.step.type == "Processing" else self.node
        return inside[name]

    @property
    def is_isolated(self) -> bool:
        return self.network("EnableNetworkIsolation").value is True

    @property
    def output_key(self) -> Node:
        outputs = "ProcessingOutputConfig" if self.step.type == "Processing" else "OutputDataConfig"
        return self.node[outputs]["KmsKeyId"]


def _jobs(document: CheckedDefinition) -> Iterator[_Job]:
    for step in document.of_type(*_JOBS):
        found = (job for job, _ in searches(step)) if step.type == "Tuning" else (step.arguments,)
        yield from (_Job(step, node) for node in found)


@rule("volume-key")
def volume_keys(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a key for the disks of a machine that takes none, or one that is no key's id."""
    for step in document.of_type(*_JOBS):
        keys = [node for node in step.own_nodes() if node.key == _VOLUME and node.exists]
        types = [known_value(document, n) for n in step.own_nodes() if n.key == "InstanceType"]
        local = next((one for one in types if isinstance(one, str) and has_local_disk(one)), None)
        for key in keys:
            if "alias/" in (key.text or ""):
                what = f"{shown(key.text)} is an alias, which {_VOLUME} does not take"
                yield Problem(key.path, what, "give the key's ARN")
            if local is not None:
                what = f"{local} has disks of its own, and encrypts them itself: it takes no key"
                yield Problem(key.path, what, f"remove {_VOLUME}, or use a type without such disks")


@rule("key-account", "warning")
def key_accounts(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a KMS key of another account than the roles: its own policy must let them use it."""
    roles: set[str] = set()
    keys: dict[str, tuple[Node, str]] = {}  # each once, where it stands first
    for node in document.node.walk():
        if found := _OWNER.match(node.text or ""):
            service, account = found.groups()
            if service == "iam":
                roles.add(account)
            else:
                keys.setdefault(found.string, (node, account))
    for node, account in keys.values() if roles else ():
        if account not in roles:
            what = f"this key belongs to account {account}, the roles to {min(roles)}"
            yield Problem(node.path, what, "see that the key's policy lets these roles use it")


@rule("isolated-code", accepted=True)
def isolated_code(document: CheckedDefinition) -> Iterator[Problem]:
    """Report an isolated training whose toolkit would have to fetch the code from S3."""
    for job in _jobs(document):
        code = hyperparameters(job.step)[_CODE]
        if job.is_isolated and (plain_text(code) or "").startswith("s3://"):
            what = "the job is isolated, and its container would fetch the code from S3"
            mend = "give the archive as a channel, and here its path below /opt/ml/input/data"
            yield Problem(code.path, what, mend)


@rule("isolated-packages")
def isolated_packages(document: CheckedDefinition) -> Iterator[Problem]:
    """Report an isolated job of ours that would install packages from an index."""
    for job in _jobs(document) if document.ours else ():
        variables = job.node["Environment"]
        if job.is_isolated and _installs(job) and not all(variables[n].exists for n in _PIP):
            what = "the job is isolated, and would install packages from an index"
            yield Problem(variables.path, what, f"set {' and '.join(_PIP)} to a folder of its own")


def _installs(job: _Job) -> bool:
    """Check whether the job's start installs what the image lacks: the toolkit's always does."""
    if job.step.type != "Processing":
        return hyperparameters(job.step)[_CODE].exists
    command = job.node["AppSpecification"]["ContainerEntrypoint"].items()
    return any((word.text or "").endswith(f"/{RUNNER}") for word in command)


@rule("isolated-image", "warning")
def isolated_images(document: CheckedDefinition) -> Iterator[Problem]:
    """Report an isolated job in an image of somebody else, which may lack what is installed."""
    for job in _jobs(document) if document.ours else ():
        image = job.node["AppSpecification"]["ImageUri"]
        others = image.text is not None and "/pytorch:" not in image.text
        if job.is_isolated and others and _installs(job):
            what = "the job is isolated, so this image needs all of inference_code/requirements.txt"
            mend = "build it with these, or leave serving.image out; endpoints need the same"
            yield Problem(image.path, what, mend)


@rule("isolated-address", "warning")
def isolated_addresses(document: CheckedDefinition) -> Iterator[Problem]:
    """Report an address that an isolated job is told: it can reach none."""
    for job in _jobs(document):
        if not job.is_isolated:
            continue
        variables = [value for _, value in job.node["Environment"].members()]
        for node in [*(value for _, _, value in options(job.step)), *variables]:
            text = known_value(document, node)
            if isinstance(text, str) and _ADDRESS.search(text):
                what = f"the job is isolated, and is told {shown(text)}, which it cannot reach"
                yield Problem(node.path, what, "give it as an input, and its path here")


_PROTECTIONS: Mapping[str, Callable[[_Job], bool]] = {
    "in no VPC": lambda job: job.network("VpcConfig").exists,
    "not isolated": lambda job: job.is_isolated,
    "without a key for its output": lambda job: job.output_key.exists,
}


@rule("unprotected", "warning")
def unprotected(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a job that lacks the network, the isolation or the key that other jobs have."""
    jobs = list(_jobs(document))
    for words, has in _PROTECTIONS.items():
        others = [job.step.name for job in jobs if has(job)]
        for job in jobs if others else ():
            if not has(job):
                what = f"this job is {words}; {others[0]} is otherwise"
                yield Problem(job.node.path, what, "give it what the others have")


RULES: tuple[Rule, ...] = (
    volume_keys,
    key_accounts,
    isolated_code,
    isolated_packages,
    isolated_images,
    isolated_addresses,
    unprotected,
)
