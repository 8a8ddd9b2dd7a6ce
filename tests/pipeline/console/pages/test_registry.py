"""The list of versions: what they reach, what was decided, where they run."""

from collections.abc import Callable

import pytest

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.pipeline.console.registry_support import Exam, register, visitor

EXAM = Exam(["beagle", "boxer"], [0, 0, 0, 0, 1, 1, 1, 1])
ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
Register = Callable[..., str]


@pytest.fixture
def versions(store: Store, register_package: Register) -> None:
    """Three versions; the first is approved, the second rejected."""
    for wrong in ({0: 1, 1: 1}, {0: 1}, {}):
        register(store, register_package, EXAM, wrong, run="abc123")
    client = sagemaker_client(store)
    for number, status in ((1, "Approved"), (2, "Rejected")):
        client.update_model_package(ModelPackageArn=f"{ARN}/{number}", ModelApprovalStatus=status)


@pytest.mark.usefixtures("versions")
def test_the_only_group_is_shown_newest_first(store: Store) -> None:
    page = visitor(store).read("/registry")
    third, second, first = (
        page.index(words) for words in ("3 Pending", "2 Rejected", "1 Approved")
    )
    assert third < second < first
    assert "1 Approved champion 75.0% 40.9% to 92.9% - - abc123 2" in page
    assert "UTC ffffffffffff 111111111111 -" in page
    assert "100.0%" in page
    assert "Nothing deploys this group on this machine" in page


@pytest.mark.usefixtures("versions")
def test_versions_lead_to_their_run_their_page_and_the_comparison(store: Store) -> None:
    page = visitor(store).get("/registry/dogs")
    for link in (
        'href="/runs/abc123"',
        'href="/registry/dogs/3"',
        'href="/registry/dogs/compare?first=3&amp;second=1"',
    ):
        assert link in page
    assert "first=1&amp;second=1" not in page


@pytest.mark.usefixtures("versions")
def test_an_evaluation_that_changed_or_is_gone_is_seen(store: Store) -> None:
    console, path = visitor(store), store.path("s3://b/evaluation-3/evaluation.json")
    assert "3 Pending 100.0%" in console.read("/registry")
    path.write_bytes(store.path("s3://b/evaluation-1/evaluation.json").read_bytes() + b" ")
    assert "3 Pending 75.0%" in console.read("/registry")
    for odd in ("[]", "{", '{"multiclass_classification_metrics": []}'):
        path.write_text(odd)
        assert "3 Pending - - - abc123" in console.read("/registry")
    path.unlink()
    assert "3 Pending - - - abc123" in console.read("/registry")


@pytest.mark.usefixtures("versions")
def test_long_lists_are_paged(store: Store, register_package: Register) -> None:
    for _ in range(20):
        register_package(sagemaker_client(store), "s3://b/model.tar.gz")
    console = visitor(store)
    newest, oldest = console.read("/registry"), console.read("/registry/dogs?page=2")
    assert "Page 1 of 2" in newest
    assert "23 Pending" in newest and "3 Pending champion" not in newest
    assert "1 Approved champion" in oldest
    for odd in ("0", "x", "9" * 30):
        assert "Versions" in console.read(f"/registry/dogs?page={odd}")


def test_before_the_first_version_the_next_step_is_named(store: Store) -> None:
    console = visitor(store)
    assert "Nothing is registered yet" in console.read("/registry")
    sagemaker_client(store).create_model_package_group(ModelPackageGroupName="dogs")
    assert "No version yet" in console.read("/registry")


@pytest.mark.usefixtures("versions")
def test_of_several_groups_one_is_chosen(store: Store) -> None:
    sagemaker_client(store).create_model_package_group(ModelPackageGroupName="cats")
    console = visitor(store)
    assert "Choose a group" in console.read("/registry")
    assert "1 Approved" in console.read("/registry/dogs")
    assert "no group 'birds'; there are: cats, dogs" in console.read("/registry/birds", 404)
