"""Follow what a run on AWS deployed until its endpoint answers.

The Deploy step has a Lambda's ten minutes and only begins it: a run that succeeded says nothing yet
of a model that cannot be loaded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pipeline.addresses import folder_uri
from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsAccessError, explained
from pipeline.aws.logs import LogTail, endpoint_log
from pipeline.aws.retrying import Patience
from pipeline.aws.timing import Timing
from pipeline.aws.watch import Outcome
from pipeline.command_line.documents import json_text, members_of
from pipeline.definition.parameters import bind_parameters
from pipeline.errors import EXIT_FAILED, EXIT_STOPPED, EXIT_SUCCEEDED, PipelineError
from pipeline.report.sources.aws_source import AwsSource
from pipeline.report.sources.facts import Facts, read_facts
from pipeline.report.sources.source import Absent
from pipeline.run.arrival import Deployed, Place, SupersededError
from pipeline.run.smoke_test import (
    Asked,
    Question,
    ask,
    deployed_in,
    made_question,
    predicted,
    question_of,
)
from pipeline.settings.serverless import MAXIMUM_BODY
from pipeline.temporary import temporary_folder

_POLL_S = 15.0
_TRIED = 20  # test pictures
_DEPLOY = "Deploy"


@dataclass(frozen=True)
class ServedOutcome:
    """How an execution ended, and what became of the model that it deployed.

    `not_asked` says why nothing was asked, `made` why a picture was made to ask about; `failure` is
    the endpoint's, with the end of its `log`; `left`: the watcher went before it answered.
    """

    run: Outcome
    endpoint: str | None = None
    asked: Asked | None = None
    made: str | None = None
    not_asked: str | None = None
    failure: str | None = None
    log: LogTail | None = None
    left: bool = False

    @property
    def exit_code(self) -> int:
        """0 succeeded, 1 the run or its endpoint failed, 3 left before the endpoint answered."""
        if self.failure:
            return EXIT_FAILED
        return EXIT_STOPPED if self.left else EXIT_SUCCEEDED

    def summary(self, look_again: str) -> str:
        """Return what is known, for people; `look_again` is the command that watches it."""
        return "\n".join([self.run.summary(), *self._lines(look_again)])

    def to_json(self) -> str:
        """Return the outcome of the run with that of its endpoint, as JSON for programs."""
        own = members_of(self)
        return json_text(members_of(own.pop("run")) | own | {"exit_code": self.exit_code})

    def _lines(self, look_again: str) -> Iterator[str]:
        if self.endpoint:
            yield f"  endpoint       {self.endpoint}"
        if self.made:
            yield f"  test picture   none: {self.made}"
        if self.asked:
            yield f"  asked about    {self.asked}"
        if self.not_asked:
            yield f"  not asked      {self.not_asked}"
        if self.failure:
            yield f"failed: {self.failure}"
            yield from self.log.shown() if self.log else []
        if self.left:
            yield f"no longer following its endpoint; look again: {look_again}"


def follow_endpoint(
    aws: Aws, run: Outcome, say: Callable[[str], None], timing: Timing | None = None
) -> ServedOutcome:
    """Wait until the run's model is in service, and ask it about one test picture.

    A model that does not come into service, refuses the picture or answers otherwise than Evaluate
    is the outcome's failure. Ctrl-C leaves the endpoint to itself.
    """
    timing, outcome = timing or Timing(), ServedOutcome(run)
    try:
        with temporary_folder("facts") as scratch:
            source = AwsSource(aws, scratch)
            with explained(f"looking at what {run.arn} deployed"):
                facts = read_facts(source, run.arn)
                deployed = _deployed(facts)
                if deployed is None:
                    return replace(outcome, not_asked="the run deployed nothing")
                question, made = _question(source, facts, deployed)
        outcome = replace(outcome, endpoint=deployed.endpoint, made=made)
        return _asked(aws, outcome, question, facts, _place(aws, say, timing))
    except KeyboardInterrupt:
        return replace(outcome, left=True)
    except AwsAccessError as error:
        return replace(outcome, not_asked=str(error))
    except PipelineError as error:
        return replace(outcome, failure=str(error))


def _asked(
    aws: Aws, outcome: ServedOutcome, question: Question, facts: Facts, place: Place
) -> ServedOutcome:
    try:
        return replace(outcome, asked=ask(question, place))
    except (SupersededError, AwsAccessError) as error:
        return replace(outcome, not_asked=str(error))
    except PipelineError as error:
        began = facts.summaries[_DEPLOY]["StartTime"]
        log = endpoint_log(aws, question.deployed.endpoint, began, Timing(sleep=place.sleep))
        return replace(outcome, failure=str(error), log=log)


def _place(aws: Aws, say: Callable[[str], None], timing: Timing) -> Place:
    clients = aws.client("sagemaker"), aws.client("sagemaker-runtime")
    return Place(*clients, Patience(timing, say), timing.sleep, say, _POLL_S)


def _deployed(facts: Facts) -> Deployed | None:
    """Return what the Deploy step answered; None where there is none of ours."""
    function = facts.summaries.get(_DEPLOY, {}).get("Metadata", {}).get("Lambda", {})
    answer = {one["Name"]: one["Value"] for one in function.get("OutputParameters", [])}
    return deployed_in(answer) if {"endpoint_name", "endpoint_config_name"} <= set(answer) else None


def _question(source: AwsSource, facts: Facts, deployed: Deployed) -> tuple[Question, str | None]:
    """Choose a test picture as it lies in the data; else make one, and say why."""
    try:
        folder = facts.output("Evaluate", "evaluation")
        lines = source.read(f"{folder}/predictions.jsonl").decode().splitlines()
        declared = facts.definition.get("Parameters") or []
        data = folder_uri(str(bind_parameters(declared, facts.parameters)["DataUri"]))
        for expected in islice(predicted(lines), _TRIED):
            picture = source.read_part(f"{data}{expected['file']}", 0, MAXIMUM_BODY + 1)
            if len(picture) <= MAXIMUM_BODY:
                return question_of(deployed, expected, picture), None
        return made_question(deployed), f"the first {_TRIED} are larger than {MAXIMUM_BODY:,} bytes"
    except (Absent, AwsAccessError) as error:
        return made_question(deployed), str(error)
