"""The stack changes only after its changes were shown and agreed to; a failure is one line."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from pipeline.aws.errors import AwsAccessError
from pipeline.aws.timing import Timing
from pipeline.bootstrap.__main__ import TEMPLATE, bootstrap, main, parsers
from pipeline.bootstrap.plan import planned
from pipeline.bootstrap.stack import StackError
from pipeline.bootstrap.stack_parameters import Foundation
from pipeline.command_line.running import ROOT, run_command
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, REGION
from tests.pipeline.bootstrap.bootstrap_support import (
    CHANGE_SET,
    STACK_ID,
    Cloud,
    first_request,
    given,
    parameters,
    request,
)
from tests.pipeline.schema.schema_support import document

MAKES = [given("CreateBucket", "true"), given("CreateModelPackageGroup", "true")]
NO_WAIT = Timing(sleep=lambda _seconds: None, chance=lambda: 0.5)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    # Only events with the token that a change was begun with are its own.
    token = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex="ours"))
    monkeypatch.setattr("pipeline.bootstrap.stack.uuid", token)
    made = Cloud()
    yield made
    made.verify()


@pytest.fixture
def settings() -> Settings:
    return load_settings(ROOT / "pipeline.yaml", None, [f"aws.account_id='{ACCOUNT}'"])


@pytest.fixture
def run(cloud: Cloud, settings: Settings) -> Callable[..., int]:
    """Runs the command with these arguments against the stubs."""

    def command(*arguments: str, free: dict[str, str] | None = None) -> int:
        wanted = Foundation(settings, "staging", free or {})
        return bootstrap(cloud.aws(), wanted, parsers()[""].parse_args(arguments), NO_WAIT)

    return command


def test_a_first_stack_is_created_after_its_changes_were_shown(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.expect_no_stack()
    cloud.expect_nothing_there()
    expect_bucket_made(cloud)
    cloud.expect_template()
    kept = [*parameters(), *MAKES, {"ParameterKey": "AlarmEmail", "UsePreviousValue": True}]
    cloud.expect_change_set(request("UPDATE", kept))
    cloud.expect("execute_change_set", {})
    cloud.expect_stack("UPDATE_COMPLETE")
    cloud.expect_events(("JobsRole", "CREATE_COMPLETE", ""))

    assert run("--yes") == 0

    lines = capsys.readouterr().out.splitlines()
    made = names_made()
    assert lines[0] == f"{len(made)} changes of the stack dog-breeds:"
    assert lines[1].split() == ["Action", "Resource", "Type", "Replaced"]
    shown = [line.split() for line in lines[2 : 2 + len(made)]]
    assert {(one[0], one[1], one[3]) for one in shown} == {("Add", name, "-") for name in made}
    happened = [line.split() for line in lines[2 + len(made) :]]
    assert [one[0] for one in happened[:3]] == ["CREATE_IN_PROGRESS", *["CREATE_COMPLETE"] * 2]
    assert [one[-1] for one in happened[:3]] == ["Bucket", "Bucket", "JobsRole"]
    assert happened[3] == ["Bucket", BUCKET]
    assert "pipeline.run --upsert" in lines[-1]


def expect_bucket_made(cloud: Cloud) -> None:
    cloud.expect_change_set(first_request([*parameters(), *MAKES]))
    cloud.expect(
        "execute_change_set",
        {},
        {"ChangeSetName": CHANGE_SET, "StackName": STACK_ID, "ClientRequestToken": "ours"},
    )
    cloud.expect_stack("CREATE_IN_PROGRESS")
    cloud.expect_events(("Bucket", "CREATE_IN_PROGRESS", ""))
    cloud.expect_stack("CREATE_COMPLETE", {"BucketName": BUCKET, "AlarmEmail": ""})
    cloud.expect_events(("Bucket", "CREATE_COMPLETE", ""), ("Bucket", "CREATE_IN_PROGRESS", ""))


def names_made() -> set[str]:
    settings = load_settings(ROOT / "pipeline.yaml", None, [f"aws.account_id='{ACCOUNT}'"])
    return {one.resource for one in planned(Foundation(settings, "staging"), TEMPLATE)}


def test_of_an_account_that_has_nothing_a_dry_run_makes_nothing(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.expect_no_stack()
    cloud.expect_nothing_there()
    assert run("--dry-run", "--json") == 0
    found = document("bootstrap", capsys.readouterr().out)
    assert {one["resource"] for one in found["changes"]} == names_made()
    assert not found["executed"]


def test_a_bucket_that_was_made_takes_the_rest_when_it_is_run_again(
    cloud: Cloud, run: Callable[..., int]
) -> None:
    """What the second part ran into, a name that is taken say, is mended in between."""
    cloud.expect_no_stack()
    cloud.expect_nothing_there()
    expect_bucket_made(cloud)
    cloud.expect_template()
    cloud.expect("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    reason = "Resource of type 'AWS::IAM::Role' with identifier 'dog-breeds-jobs' already exists."
    cloud.expect("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    cloud.expect("delete_change_set", {})
    cloud.expect_stack("CREATE_COMPLETE")
    with pytest.raises(StackError, match="dog-breeds-jobs"):
        run("--yes")
    _expect_existing(cloud, "CREATE_COMPLETE")
    cloud.expect_change_set(request("UPDATE", [*parameters(), *MAKES]))
    cloud.expect("execute_change_set", {})
    cloud.expect_stack("UPDATE_COMPLETE")
    cloud.expect_events()
    assert run("--yes") == 0


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        ("head_bucket", "403", "is another account's, or the credentials lack s3:ListBucket"),
        ("head_bucket", "404", f"no bucket {BUCKET}"),
        ("put_object", "AccessDenied", "the credentials lack s3:PutObject"),
    ],
)
def test_a_template_that_cannot_be_put_into_the_bucket_says_why(
    operation: str, code: str, words: str, cloud: Cloud, run: Callable[..., int]
) -> None:
    _expect_stack(cloud)
    if operation == "put_object":
        cloud.expect_bucket()
    cloud.refuse("s3", operation, code)
    with pytest.raises(UsageError, match=words):
        run("--yes")


def test_what_was_decided_or_given_before_is_kept_by_an_update(
    cloud: Cloud, run: Callable[..., int]
) -> None:
    before = {
        "BucketName": BUCKET,
        "CreateBucket": "false",
        "ModelPackageGroupName": "dog-breeds",
        "CreateModelPackageGroup": "true",
        "LogRetentionDays": "90",
        "RepositoryUrl": "https://github.com/me/dogs",
        "RepositoryBranch": "main",
    }
    cloud.expect_stack("UPDATE_ROLLBACK_COMPLETE", before)
    kept = [
        given("CreateBucket", "false"),
        given("CreateModelPackageGroup", "true"),
        {"ParameterKey": "RepositoryUrl", "UsePreviousValue": True},
        given("RepositoryBranch", "release"),
        {"ParameterKey": "LogRetentionDays", "UsePreviousValue": True},
    ]
    cloud.expect_template()
    cloud.expect_change_set(request("UPDATE", [*parameters(), *kept]))
    cloud.expect("execute_change_set", {})
    cloud.expect_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    cloud.expect_events()
    assert run("--yes", free={"RepositoryBranch": "release"}) == 0


def test_a_bucket_and_a_group_that_exist_are_left_as_they_are(
    cloud: Cloud, run: Callable[..., int]
) -> None:
    cloud.expect_no_stack()
    cloud.expect_bucket()
    group = {
        "ModelPackageGroupName": "dog-breeds",
        "ModelPackageGroupArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/dogs",
        "CreationTime": "2026-01-01T00:00:00Z",
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
    }
    cloud.stubs["sagemaker"].add_response("describe_model_package_group", group)
    cloud.expect_template()
    makes = [given("CreateBucket", "false"), given("CreateModelPackageGroup", "false")]
    cloud.expect_change_set(request("CREATE", [*parameters(), *makes]))
    cloud.expect("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
    cloud.expect_stack("REVIEW_IN_PROGRESS")
    cloud.expect("delete_stack", {}, {"StackName": STACK_ID})
    assert run("--dry-run") == 0


def test_a_stack_that_is_up_to_date_says_so(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    _expect_existing(cloud)
    cloud.expect("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    reason = "The submitted information didn't contain changes. Submit different information."
    cloud.expect("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    cloud.expect("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
    assert run("--yes") == 0
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "code"), [("n", 3), ("", 3), ("y", 0)])
def test_it_asks_before_it_changes_anything(
    answer: str,
    code: int,
    cloud: Cloud,
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _prompt: answer)
    _expect_existing(cloud)
    cloud.expect_change_set()
    if answer == "y":
        cloud.expect("execute_change_set", {})
        cloud.expect_stack("UPDATE_COMPLETE")
        cloud.expect_events()
    else:
        cloud.expect("delete_change_set", {})
        cloud.expect_stack("UPDATE_COMPLETE")
    assert run() == code


def test_for_programs_the_changes_are_one_document(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    _expect_existing(cloud)
    cloud.expect_change_set()
    cloud.expect("delete_change_set", {})
    cloud.expect_stack("UPDATE_COMPLETE")
    assert run("--dry-run", "--json") == 0
    printed = capsys.readouterr()
    found = document("bootstrap", printed.out)
    assert [one["resource"] for one in found["changes"]] == ["Bucket", "DeployRole"]
    assert not found["executed"]
    assert "2 changes of the stack dog-breeds:" in printed.err


def test_without_a_terminal_it_wants_to_be_told(
    cloud: Cloud, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(UsageError, match="--yes"):
        run()


def test_ctrl_c_at_the_question_leaves_no_change_set(
    cloud: Cloud, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", interrupted)
    _expect_existing(cloud)
    cloud.expect_change_set()
    cloud.expect("delete_change_set", {})
    cloud.expect_stack("UPDATE_COMPLETE")
    with pytest.raises(KeyboardInterrupt):
        run()


def test_a_refused_change_set_gives_its_reason_and_leaves_nothing(
    cloud: Cloud, run: Callable[..., int]
) -> None:
    cloud.expect_no_stack()
    cloud.expect_nothing_there()
    cloud.expect("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistence]"
    cloud.expect("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    event = {
        "LogicalResourceId": "DeployLogs",
        "ValidationStatusReason": "Resource of type 'AWS::Logs::LogGroup' already exists.",
    }
    cloud.expect(
        "describe_events",
        {"OperationEvents": [event]},
        {"ChangeSetName": CHANGE_SET, "Filters": {"FailedEvents": True}},
    )
    cloud.expect("delete_change_set", {})
    cloud.expect_stack("REVIEW_IN_PROGRESS")
    cloud.expect("delete_stack", {})
    with pytest.raises(StackError, match=r"DeployLogs: Resource of type .* already exists"):
        run("--yes")


def test_a_change_set_that_is_never_made_is_given_up(cloud: Cloud, run: Callable[..., int]) -> None:
    cloud.expect_no_stack()
    cloud.expect_nothing_there()
    cloud.expect("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    for _ in range(94):  # pauses of 1, 2, 4, 8 and then 10 s: more than 15 minutes
        cloud.expect("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
    with pytest.raises(StackError, match="is CREATE_IN_PROGRESS after 905 s: look at it"):
        run("--yes")


def test_a_change_that_is_rolled_back_gives_the_first_cause(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    _expect_existing(cloud)
    cloud.expect_change_set()
    cloud.expect("execute_change_set", {})
    cloud.expect_stack("UPDATE_ROLLBACK_COMPLETE")
    cloud.expect_events(
        ("Build", "CREATE_FAILED", "Resource creation cancelled"),
        ("BuildRole", "CREATE_FAILED", "not authorized to perform: iam:CreateRole"),
    )
    with pytest.raises(StackError, match=r"BuildRole: not authorized to perform: iam:CreateRole"):
        run("--yes")
    assert "iam:CreateRole" in capsys.readouterr().out


def test_a_stack_whose_creation_failed_is_deleted_and_made_again(
    cloud: Cloud, run: Callable[..., int]
) -> None:
    cloud.expect_stack("ROLLBACK_COMPLETE")
    cloud.expect("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": "ours"})
    cloud.expect_stack("DELETE_COMPLETE")
    cloud.expect_events(("dog-breeds", "DELETE_COMPLETE", ""))
    cloud.expect_nothing_there()
    expect_bucket_made(cloud)
    cloud.expect_template()
    cloud.expect_change_set()
    cloud.expect("execute_change_set", {})
    cloud.expect_stack("UPDATE_COMPLETE")
    cloud.expect_events()
    assert run("--yes") == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_IN_PROGRESS", "somebody is changing it"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name dog-breeds"),
        ("ROLLBACK_FAILED", "delete-stack --stack-name dog-breeds"),
        ("DELETE_FAILED", "delete-stack --stack-name dog-breeds"),
    ],
)
def test_a_stack_in_no_state_to_be_changed_says_what_to_do(
    status: str, words: str, cloud: Cloud, run: Callable[..., int]
) -> None:
    _expect_existing(cloud, status)
    with pytest.raises(StackError, match=words):
        run("--yes")


def test_waiting_survives_throttling(cloud: Cloud, run: Callable[..., int]) -> None:
    _expect_existing(cloud)
    cloud.expect_change_set()
    cloud.expect("execute_change_set", {})
    for _ in range(3):
        cloud.refuse("cloudformation", "describe_stacks", "Throttling", "Rate exceeded")
    cloud.expect_stack("UPDATE_COMPLETE")
    cloud.expect_events()
    assert run("--yes") == 0


def test_a_missing_permission_is_named(cloud: Cloud, run: Callable[..., int]) -> None:
    message = "User x is not authorized to perform: cloudformation:DescribeStacks"
    cloud.refuse("cloudformation", "describe_stacks", "AccessDenied", message)
    with pytest.raises(AwsAccessError, match="cloudformation:DescribeStacks"):
        run("--yes")


def test_a_bucket_name_of_another_account_is_named(cloud: Cloud, run: Callable[..., int]) -> None:
    cloud.expect_no_stack()
    cloud.refuse("s3", "head_bucket", "403")
    with pytest.raises(AwsAccessError, match=r"another account.*set aws\.bucket"):
        run("--yes")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["registry.group=DogBreeds"], "lower case"),
        ([f"registry.group={'a' * 60}"], "at most 38"),
        (["registry.group=dog--breeds"], "single -"),
        (["deploy.production.endpoint_name=Dogs"], "lower case"),
    ],
)
def test_names_that_roles_cannot_be_limited_to_are_refused(
    overrides: list[str], words: str
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", None, overrides)
    with pytest.raises(UsageError, match=words):
        Foundation(settings, "staging")


def test_data_and_weights_of_other_buckets_become_readable(cloud: Cloud) -> None:
    from pipeline.bootstrap.stack_parameters import names_of

    overrides = ["data.uri=s3://pictures/dogs", "backbone.weights=s3://zoo/resnet50.pth"]
    settings = load_settings(ROOT / "pipeline.yaml", None, overrides)
    assert names_of(Foundation(settings, "staging"))["ExtraReadArns"].split(",") == [
        "arn:aws:s3:::pictures",
        "arn:aws:s3:::pictures/dogs/*",
        "arn:aws:s3:::zoo",
        "arn:aws:s3:::zoo/resnet50.pth*",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "placeholder"),
        (["--parameter", "Retention=5"], "must be one of"),
        (["--parameter", "LogRetentionDays"], "NAME=VALUE"),
        (["--env", "prod"], "production"),
    ],
)
def test_usage_errors_are_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(main, arguments) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert len(errors.splitlines()) == 1


def test_no_credentials_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(main, ["--set", f"aws.account_id='{ACCOUNT}'"]) == 2
    assert capsys.readouterr().err.startswith("error: no AWS credentials")


def _expect_existing(cloud: Cloud, status: str = "UPDATE_COMPLETE") -> None:
    _expect_stack(cloud, status)
    cloud.expect_template()


def _expect_stack(cloud: Cloud, status: str = "UPDATE_COMPLETE") -> None:
    before = {
        "BucketName": BUCKET,
        "CreateBucket": "true",
        "ModelPackageGroupName": "dog-breeds",
        "CreateModelPackageGroup": "true",
    }
    cloud.expect_stack(status, before)
