"""Deciding about a version that somebody looked at before."""

from collections.abc import Callable

import pytest

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.registry.decisions import (
    DecidedMeanwhileError,
    check_undecided,
    decide,
    mark_of,
)
from pipeline.registry.versions import read_version
from pipeline.target import Target


def test_a_decision_made_meanwhile_is_told_apart(
    store: Store, register_package: Callable[..., str]
) -> None:
    client = sagemaker_client(store)
    arn = register_package(client, "s3://b/model.tar.gz")
    target = Target(client, lambda _uri: b"")
    seen = mark_of(read_version(target, arn))
    check_undecided(target, arn, seen)
    decide(target, arn, "Rejected", "blurred")
    with pytest.raises(
        DecidedMeanwhileError, match=r"version 1 of dogs is Rejected \(blurred\) by"
    ):
        check_undecided(target, arn, seen)
    rejected = mark_of(read_version(target, arn))
    decide(target, arn, "Rejected", "too dark")
    with pytest.raises(DecidedMeanwhileError, match="too dark"):
        check_undecided(target, arn, rejected)


def test_without_a_reason_the_one_there_is_stays(
    store: Store, register_package: Callable[..., str]
) -> None:
    client = sagemaker_client(store)
    arn = register_package(client, "s3://b/model.tar.gz")
    target = Target(client, lambda _uri: b"")
    decide(target, arn, "Rejected", "blurred")
    decide(target, arn, "Approved", "")
    version = read_version(target, arn)
    assert (version.approval, version.reason) == ("Approved", "blurred")
