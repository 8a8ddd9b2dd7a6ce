"""Local states with something in them."""

from pathlib import Path

from pipeline.local.engine.executions import Place
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store

OLD = Path(__file__).parent / "data" / "state_0.sql"
PREFIX = Place().arn("model-package", "dogs")


def registered(store: Store, number: int = 1) -> None:
    """Register so many versions of `dogs`; the last is approved."""
    client = sagemaker_client(store)
    client.create_model_package_group(ModelPackageGroupName="dogs")
    for _ in range(number):
        arn = client.create_model_package(ModelPackageGroupName="dogs")["ModelPackageArn"]
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
