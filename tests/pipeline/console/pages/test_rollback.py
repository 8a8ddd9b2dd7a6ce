"""Rolling production back in the browser; how it goes with models: test_decision.py."""

from collections.abc import Callable

from pipeline.command_line.running import ROOT
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.deployments.deployer import install_deployer
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings
from tests.pipeline.console.registry_support import hidden, visitor

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs/1"


def test_without_production_there_is_nothing_to_go_back_to(
    store: Store, register_package: Callable[..., str]
) -> None:
    client = sagemaker_client(store)
    register_package(client, "s3://b/model.tar.gz")
    client.update_model_package(ModelPackageArn=ARN, ModelApprovalStatus="Approved")
    console = visitor(store)
    page = console.get("/registry/dogs")
    assert "/registry/dogs/rollback" not in page
    nothing = "There is nothing to go back to: there is no production endpoint yet."
    assert nothing in console.read("/registry/dogs/rollback")
    csrf = hidden(console.get("/registry/dogs/1/approve"))["csrf"]
    for said in ("nothing deploys dogs on this machine", "there is no endpoint dogs-production"):
        fields = {"csrf": csrf, "to": "1", "goal": ""}
        answer = console.client.post("/registry/dogs/rollback", data=fields)
        assert answer.status_code == 409
        assert said in answer.text
        install_deployer(store, load_settings(ROOT / "pipeline.yaml", "local", ["project=dogs"]))
