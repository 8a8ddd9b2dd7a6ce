"""The page of one version."""

from collections.abc import Callable

import pytest

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.pipeline.console.registry_support import Exam, register, visitor

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
HOSTILE = "<img src=x onerror=alert(1)>"
Register = Callable[..., str]


def test_all_that_is_known_is_shown(store: Store, register_package: Register) -> None:
    exam = Exam(["beagle", "boxer"], [0, 0, 1, 1])
    register(store, register_package, exam, {0: 1}, run="abc123")
    page = visitor(store).read("/registry/dogs/1")
    for said in (
        "Version 1 dogs",
        "Pending",
        "No reason was given",
        "75.0% 30.1% to 95.4% of 4 pictures",
        "Run abc123 Registered",
        "Data " + "f" * 64,
        "Commit " + "1" * 40,
        "beagle 50.0% 2",
        "Coverage It answers the 80% it is surest of",
        "of the test, 90.0% of them rightly: not kept",
    ):
        assert said in page
    assert page.index("beagle 50.0%") < page.index("boxer 100.0%")


def test_names_and_reasons_stay_text(store: Store, register_package: Register) -> None:
    exam = Exam([HOSTILE, "{{ 7 * 7 }}"], [0, 0, 1, 1])
    register(store, register_package, exam, {0: 1})
    sagemaker_client(store).update_model_package(
        ModelPackageArn=f"{ARN}/1", ModelApprovalStatus="Rejected", ApprovalDescription=HOSTILE
    )
    page = visitor(store).get("/registry/dogs/1")
    assert "<img" not in page
    assert f"Reason: {HOSTILE}" in visitor(store).read("/registry/dogs/1")
    assert "{{ 7 * 7 }}" in page


@pytest.mark.parametrize("count", [120, 1000])
def test_of_many_classes_the_weakest_come_first_and_the_rest_is_folded(
    store: Store, register_package: Register, count: int
) -> None:
    exam = Exam([f"class {n:04}" for n in range(count)], range(count))
    register(store, register_package, exam, {70: 0})
    page = visitor(store).get("/registry/dogs/1")
    before, folded = page.split("<details>", 1)
    assert "class 0070" in before
    assert before.count("class 0") == 10
    assert f"{count - 10:,} more classes" in folded


def test_a_version_without_evaluation_is_shown(store: Store, register_package: Register) -> None:
    register_package(sagemaker_client(store), "s3://b/model.tar.gz")
    console = visitor(store)
    assert "It has no evaluation.json" in console.read("/registry/dogs/1")
    assert "no version 2 of dogs; there are: 1" in console.read("/registry/dogs/2", 404)
    console.get("/registry/dogs/first", 404)
