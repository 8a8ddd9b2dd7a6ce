"""Change a CloudFormation stack through change sets that are seen before they are executed."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.errors import AwsError, explained, is_transient
from pipeline.aws.timing import Timing
from pipeline.errors import PipelineError

_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
_CLEANING_UP = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",)
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", *_CLEANING_UP)
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback",
    "IMPORT_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback",
    "ROLLBACK_FAILED": "aws cloudformation delete-stack",
    "CREATE_FAILED": "aws cloudformation delete-stack",
    "DELETE_FAILED": "aws cloudformation delete-stack",
}
_CHANGE_SET_S = 900.0  # making a change set takes seconds
_PATIENCE = 20  # failed polls in a row, some minutes; the change goes on at AWS meanwhile
# Reasons of resources that were cancelled because another one failed: not the cause.
_CONSEQUENCES = ("Resource creation cancelled", "Resource update cancelled")


class StackError(AwsError):
    """The stack cannot be changed as asked; the message says why."""


@dataclass(frozen=True)
class StackState:
    """A stack as it is: status, parameters as last given, outputs."""

    stack_id: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether it only holds change sets that were never executed."""
        return self.status == "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class StackRequest:
    """What a stack shall be; a parameter that is None keeps its value, or the default.

    `template` is a text, or the https address of one in a bucket.
    """

    template: str
    parameters: Mapping[str, str | None]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One resource of a change set. `action`: Add, Modify, Remove, Import, Dynamic.

    `replacement`: True, False or Conditional as CloudFormation says; empty where it says nothing.
    """

    action: str
    resource: str
    kind: str
    replacement: str


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed."""

    change_set_id: str
    stack_id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class StackEvent:
    """One thing that happened to a resource while a stack changed."""

    resource: str
    kind: str
    status: str
    reason: str


class Stack:
    """One stack by name. Every method raises AwsAccessError or AwsError for what AWS refuses."""

    def __init__(self, client: Any, name: str, timing: Timing | None = None) -> None:
        self.name = name
        self._client = client
        self._timing = timing or Timing()

    def state(self, stack_id: str | None = None) -> StackState | None:
        """Return the stack as it is; None when there is none. A deleted one needs its id."""
        try:
            with explained(f"looking at the stack {self.name}"):
                (found,) = self._client.describe_stacks(StackName=stack_id or self.name)["Stacks"]
        except AwsError as error:
            if isinstance(error.__cause__, ClientError) and "does not exist" in str(error):
                return None
            raise
        return StackState(
            found["StackId"],
            found["StackStatus"],
            {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])},
            {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        )

    def propose(self, request: StackRequest, now: StackState | None) -> ChangeSet | None:
        """Make a change set that brings the stack from `now` to `request`; None when they agree.

        Raises StackError when the stack is in no state for it, or CloudFormation refuses.
        """
        is_new = now is None or now.is_empty
        if now is not None and not is_new:
            self._check_can_change(now.status)
        known = {} if now is None or is_new else now.parameters
        with explained(f"making a change set of the stack {self.name}"):
            made = self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=f"bootstrap-{uuid.uuid4().hex[:12]}",
                ChangeSetType="CREATE" if is_new else "UPDATE",
                **_template(request.template),
                Parameters=list(_parameters(request.parameters, known)),
                Tags=[{"Key": k, "Value": v} for k, v in sorted(request.tags.items())],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
        return self._await_change_set(made["Id"], made["StackId"])

    def discard(self, change_set: ChangeSet) -> None:
        """Delete a change set that is not to be executed, and the stack made only to hold it."""
        self._delete_change_set(change_set.change_set_id)
        state = self.state(change_set.stack_id)
        if state is not None and state.is_empty:
            with explained(f"deleting the empty stack {self.name}"):
                self._client.delete_stack(StackName=change_set.stack_id)

    def execute(self, change_set: ChangeSet, listener: Callable[[StackEvent], None]) -> StackState:
        """Execute a change set and wait; every event goes to `listener`.

        Raises StackError with the first failure's reason when they are rolled back.
        """
        token = uuid.uuid4().hex
        with explained(f"changing the stack {self.name}"):
            self._client.execute_change_set(
                ChangeSetName=change_set.change_set_id,
                StackName=change_set.stack_id,
                ClientRequestToken=token,
            )
        state, events = self._follow(change_set.stack_id, token, listener)
        if state is None or state.status not in _GOOD:
            status = state.status if state else "gone"
            raise StackError(f"the stack {self.name} is {status}: {_cause(events)}")
        return state

    def delete(self, state: StackState, listener: Callable[[StackEvent], None]) -> None:
        """Delete the stack and wait until it is gone. Raises StackError."""
        token = uuid.uuid4().hex
        with explained(f"deleting the stack {self.name}"):
            self._client.delete_stack(StackName=state.stack_id, ClientRequestToken=token)
        left, events = self._follow(state.stack_id, token, listener)
        if left is not None and left.status != "DELETE_COMPLETE":
            raise StackError(f"the stack {self.name} is {left.status}: {_cause(events)}")

    def _check_can_change(self, status: str) -> None:
        if status in _STUCK:
            command = f"{_STUCK[status]} --stack-name {self.name}"
            raise StackError(f"the stack {self.name} is {status}: run {command}, then this again")
        if status.endswith("_IN_PROGRESS"):
            raise StackError(
                f"the stack {self.name} is {status}: somebody is changing it; try again when done"
            )

    def _await_change_set(self, change_set_id: str, stack_id: str) -> ChangeSet | None:
        waited = 0.0
        for pause in self._timing.pauses(1, 10):
            with explained(f"looking at the change set of {self.name}"):
                found = self._client.describe_change_set(ChangeSetName=change_set_id)
            if found["Status"] == "CREATE_COMPLETE":
                return ChangeSet(change_set_id, stack_id, tuple(self._changes(found)))
            if found["Status"] == "FAILED":
                break
            if waited > _CHANGE_SET_S:
                raise StackError(
                    f"the change set {change_set_id} of {self.name} is {found['Status']} after "
                    f"{waited:.0f} s: look at it in CloudFormation, then run this again"
                )
            self._timing.sleep(pause)
            waited += pause
        reason = found.get("StatusReason", "")
        if any(words in reason for words in _NOTHING_TO_DO):
            self._delete_change_set(change_set_id)
            return None
        reason = "; ".join(self._validation_problems(change_set_id, reason)) or reason
        with suppress(PipelineError):
            self.discard(ChangeSet(change_set_id, stack_id, ()))
        raise StackError(f"CloudFormation refuses the change of {self.name}: {reason}")

    def _changes(self, page: dict[str, Any]) -> Iterator[Change]:
        while True:
            for change in page.get("Changes", []):
                one = change["ResourceChange"]
                replacement = one.get("Replacement", "")
                yield Change(
                    one["Action"], one["LogicalResourceId"], one["ResourceType"], replacement
                )
            if "NextToken" not in page:
                return
            with explained(f"reading the change set of {self.name}"):
                page = self._client.describe_change_set(
                    ChangeSetName=page["ChangeSetId"], NextToken=page["NextToken"]
                )

    def _validation_problems(self, change_set_id: str, reason: str) -> Iterator[str]:
        """Yield what early validation found; the change set only says that it failed."""
        if "EarlyValidation" not in reason:
            return
        try:
            events = self._client.describe_events(
                ChangeSetName=change_set_id, Filters={"FailedEvents": True}
            )["OperationEvents"]
        except ClientError:
            return
        for event in events:
            if text := event.get("ValidationStatusReason"):
                yield f"{event.get('LogicalResourceId', '')}: {text}"

    def _delete_change_set(self, change_set_id: str) -> None:
        with explained(f"deleting the change set of {self.name}"):
            self._client.delete_change_set(ChangeSetName=change_set_id)

    def _follow(
        self, stack_id: str, token: str, listener: Callable[[StackEvent], None]
    ) -> tuple[StackState | None, list[StackEvent]]:
        seen: set[str] = set()
        events: list[StackEvent] = []
        lost = 0
        for pause in self._timing.pauses(2, 10):
            try:
                # The state before the events: none of ours comes after the final state.
                state = self.state(stack_id)
                for event in self._new_events(stack_id, token, seen):
                    events.append(event)
                    listener(event)
                if state is None or _has_ended(state.status):
                    break
                lost = 0
            except AwsError as error:
                lost += 1
                cause = error.__cause__
                if lost > _PATIENCE or not isinstance(cause, Exception) or not is_transient(cause):
                    raise
            self._timing.sleep(pause)
        return state, events

    def _new_events(self, stack_id: str, token: str, seen: set[str]) -> list[StackEvent]:
        """Return events of our own operation that were not seen before, oldest first."""
        found: list[StackEvent] = []
        options: dict[str, str] = {}
        while True:
            with explained(f"reading the events of the stack {self.name}"):
                page = self._client.describe_stack_events(StackName=stack_id, **options)
            for event in page["StackEvents"]:
                if event["EventId"] in seen or event.get("ClientRequestToken") != token:
                    return found[::-1]
                seen.add(event["EventId"])
                found.append(_event(event))
            if "NextToken" not in page:
                return found[::-1]
            options = {"NextToken": page["NextToken"]}


def _template(template: str) -> dict[str, str]:
    is_address = template.startswith("https://")
    return {"TemplateURL" if is_address else "TemplateBody": template}


def _parameters(
    wanted: Mapping[str, str | None], known: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for name, value in wanted.items():
        if value is not None:
            yield {"ParameterKey": name, "ParameterValue": value}
        elif name in known:
            # Not mentioned, an update would set it back to the template's default.
            yield {"ParameterKey": name, "UsePreviousValue": True}


def _event(event: Mapping[str, Any]) -> StackEvent:
    return StackEvent(
        event["LogicalResourceId"],
        event.get("ResourceType", ""),
        event.get("ResourceStatus", ""),
        event.get("ResourceStatusReason", ""),
    )


def _has_ended(status: str) -> bool:
    return status in _CLEANING_UP or not status.endswith("_IN_PROGRESS")


def _cause(events: list[StackEvent]) -> str:
    failed = [event for event in events if event.status.endswith("_FAILED")]
    real = [e for e in failed if not e.reason.startswith(_CONSEQUENCES)] or failed
    if not real:
        return "CloudFormation gives no reason"
    return f"{real[0].resource}: {' '.join(real[0].reason.split())}"
