"""What bootstrap would make is known without an account, by the names that it will have."""

import re
from pathlib import Path

import pytest

from pipeline.bootstrap.__main__ import TEMPLATE, main
from pipeline.bootstrap.plan import planned
from pipeline.bootstrap.stack_parameters import Foundation
from pipeline.command_line.running import ROOT
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings

ROLE = "arn:aws:iam::111122223333:role/mine"
BUILD = {"RepositoryUrl": "https://github.com/me/dogs", "ConnectionArn": "arn:aws:x:y:z:c/1"}


def names(*overrides: str, free: dict[str, str] | None = None) -> dict[str, str]:
    settings = load_settings(ROOT / "pipeline.yaml", None, overrides)
    wanted = Foundation(settings, "staging", free or {})
    return {one.resource: one.name for one in planned(wanted, TEMPLATE)}


def test_each_resource_has_the_name_that_the_settings_give_it() -> None:
    made = names("project=dogs", "aws.region=eu-west-1")
    assert made["Bucket"] == "dogs-111122223333-eu-west-1"
    assert made["PipelineRole"] == "dogs-pipeline"
    assert made["ServingImages"] == "dogs-serving"
    assert made["ErrorAlarm"] == "dogs-production-errors"
    assert made["DeployRetries"] == ""  # only a part of DeployFunction


def test_what_exists_already_is_not_made() -> None:
    made = names(f"aws.role_arn={ROLE}")
    assert {"PipelineRole", "JobsRole", "ServingRole"}.isdisjoint(made)
    assert "DeployRole" in made


def test_the_build_on_every_push_is_made_where_it_is_asked_for() -> None:
    assert "Build" not in names()
    assert names(free=BUILD)["Build"] == "dog-breeds-upsert"


class TestWithoutAnAccount:
    @pytest.fixture(autouse=True)
    def nobody(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))

    @pytest.mark.parametrize("account", ["111122223333", "123456789012"])
    def test_a_dry_run_shows_all_of_it(
        self, capsys: pytest.CaptureFixture[str], account: str
    ) -> None:
        assert main(["--dry-run", "--set", f"aws.account_id='{account}'"]) == 0
        shown = capsys.readouterr().out
        lines = {tuple(line.split()) for line in shown.splitlines()}
        assert ("AWS::S3::Bucket", f"dog-breeds-{account}-us-east-1", "Bucket") in lines
        assert ("AWS::IAM::Role", "dog-breeds-jobs", "JobsRole") in lines
        assert len([one for one in lines if one and one[0].startswith("AWS::")]) == len(names())
        assert f"{account}.dkr.ecr.us-east-1.amazonaws.com/dog-breeds-serving:cpu-" in shown
        assert "dog-breeds-staging, dog-breeds-production" in shown

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("LogRetentionDays=7", "LogRetentionDays: '7' must be one of 30, 60, 90"),
            ("LogRetentionDays=", "LogRetentionDays: '' must be one of"),
            ("RunsExpireDays=soon", "RunsExpireDays: 'soon' must be a number"),
            ("RunsExpireDays=nan", "RunsExpireDays: 'nan' must be a number"),
            ("RunsExpireDays=-1", "RunsExpireDays: '-1' must be at least 0"),
            ("MaximumErrorRate=1.5", "MaximumErrorRate: '1.5' must be at most 1"),
            ("RepositoryBranch=a b", "RepositoryBranch: 'a b' must be of the form"),
            ("RepositoryUrl=https://github.com/me/dogs", "RepositoryUrl needs ConnectionArn"),
            ("ConnectionArn=arn:aws:x:y:z:c/1", "ConnectionArn needs RepositoryUrl"),
        ],
    )
    def test_what_cloudformation_would_refuse_is_refused(self, given: str, said: str) -> None:
        with pytest.raises(UsageError, match=re.escape(said)):
            main(["--dry-run", "--parameter", given])

    @pytest.mark.parametrize(
        "given", ["LogRetentionDays=90", "MaximumErrorRate=0.5", "ConnectionArn="]
    )
    def test_what_it_takes_is_taken(self, given: str) -> None:
        assert main(["--dry-run", "--parameter", given]) == 0
