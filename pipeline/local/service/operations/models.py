"""Answer the operations on models and endpoint configurations."""

import uuid
from typing import Any

from pipeline.local.service.operations.context import (
    OperationContext,
    Table,
    invalid,
    now,
    refuse,
    refuse_environment,
)
from pipeline.local.service.operations.listing import Listing, list_operation
from pipeline.local.service.operations.packages import find_package
from pipeline.local.service.operations.tags import TAGS, get_tags, put_tags
from pipeline.local.store import Document


def create_model(context: OperationContext, params: Document) -> Document:
    """Answer CreateModel: one container, by image and data or by model package."""
    name = params["ModelName"]
    arn = context.arn("model", name)
    refuse(params, ["InferenceExecutionConfig"])
    _check_container(context, _container(params))
    with context.store.transaction():
        if context.store.get("Model", name):
            raise invalid(f'Cannot create already existing model "{arn}".')
        document = _without_tags(params) | {"ModelArn": arn, "CreationTime": now()}
        context.store.put("Model", name, document, arn=arn)
        put_tags(context, arn, params.get("Tags"))
    return {"ModelArn": arn}


def describe_model(context: OperationContext, params: Document) -> Document:
    """Answer DescribeModel."""
    return find_model(context, params["ModelName"])


def delete_model(context: OperationContext, params: Document) -> Document:
    """Answer DeleteModel: running endpoints keep what they loaded."""
    return _delete(context, "Model", find_model(context, params["ModelName"]))


def find_model(context: OperationContext, name: str) -> Document:
    """Return the model of that name. Raises ApiError."""
    document = context.store.get("Model", name)
    if document is None:
        raise invalid(f'Could not find model "{context.arn("model", name)}".')
    return document


def hosted_model(context: OperationContext, name: str) -> Document:
    """Collect what a host needs to run a model. Raises ApiError.

    It is kept apart from the model, which may be deleted while it runs.
    """
    model = find_model(context, name)
    container = _container(model)
    environment = container.get("Environment", {})
    if package_name := container.get("ModelPackageName"):
        specification = find_package(context, package_name).get("InferenceSpecification", {})
        container = (specification.get("Containers") or [{}])[0]
        environment = {**container.get("Environment", {}), **environment}
    if "ModelDataUrl" not in container:
        raise invalid(f"Model {name} has no ModelDataUrl to load.")
    return {
        "Generation": uuid.uuid4().hex,
        "ModelDataUrl": container["ModelDataUrl"],
        "Region": model["ModelArn"].split(":")[3],
        "Environment": environment,
    }


def create_endpoint_config(context: OperationContext, params: Document) -> Document:
    """Answer CreateEndpointConfig: one production variant, whose model must exist."""
    name = params["EndpointConfigName"]
    arn = context.arn("endpoint-config", name)
    refuse(params, ["ShadowProductionVariants", "AsyncInferenceConfig", "ExplainerConfig"])
    if len(params["ProductionVariants"]) > 1:
        raise invalid("The local service hosts one production variant an endpoint.")
    for variant in params["ProductionVariants"]:
        if "ModelName" not in variant:
            raise invalid("The local service needs a ModelName in every production variant.")
        _check_serverless(variant, params)
        find_model(context, variant["ModelName"])
    with context.store.transaction():
        if context.store.get("EndpointConfig", name):
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        document = _without_tags(params) | {"EndpointConfigArn": arn, "CreationTime": now()}
        context.store.put("EndpointConfig", name, document, arn=arn)
        put_tags(context, arn, params.get("Tags"))
    return {"EndpointConfigArn": arn}


def _check_serverless(variant: Document, params: Document) -> None:
    """Raise ApiError for what SageMaker does not do for a serverless variant."""
    serverless = variant.get("ServerlessConfig")
    if serverless is None:
        return
    for member in ("InstanceType", "InitialInstanceCount", "InferenceAmiVersion"):
        if member in variant:
            raise invalid(f"{member} cannot be given together with ServerlessConfig.")
    for member in ("DataCaptureConfig", "VpcConfig", "EnableNetworkIsolation", "KmsKeyId"):
        if params.get(member):
            raise invalid(f"{member} is not supported for serverless endpoints.")
    if serverless["MemorySizeInMB"] % 1024:
        raise invalid("MemorySizeInMB must be 1024, 2048, 3072, 4096, 5120 or 6144.")
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        raise invalid("ProvisionedConcurrency must not be more than MaxConcurrency.")


def serverless_of(config: Document) -> Document | None:
    """Return the ServerlessConfig of an endpoint configuration; None of one on instances."""
    found: Document | None = config["ProductionVariants"][0].get("ServerlessConfig")
    return found


def describe_endpoint_config(context: OperationContext, params: Document) -> Document:
    """Answer DescribeEndpointConfig."""
    return find_endpoint_config(context, params["EndpointConfigName"])


def delete_endpoint_config(context: OperationContext, params: Document) -> Document:
    """Answer DeleteEndpointConfig: as on SageMaker, endpoints that use it go on."""
    document = find_endpoint_config(context, params["EndpointConfigName"])
    return _delete(context, "EndpointConfig", document)


def find_endpoint_config(context: OperationContext, name: str) -> Document:
    """Return the endpoint configuration of that name. Raises ApiError."""
    document = context.store.get("EndpointConfig", name)
    if document is None:
        arn = context.arn("endpoint-config", name)
        raise invalid(f'Could not find endpoint configuration "{arn}".')
    return document


def _container(params: Document) -> Document:
    containers: list[Any] = params.get("Containers") or []
    if params.get("PrimaryContainer"):
        containers = [params["PrimaryContainer"], *containers]
    if len(containers) != 1:
        raise invalid("Give one container: PrimaryContainer, or Containers with one entry.")
    container: Document = containers[0]
    return container


def _check_container(context: OperationContext, container: Document) -> None:
    refuse(container, ["MultiModelConfig", "ModelDataSource", "AdditionalModelDataSources"])
    refuse_environment(container)
    if package_name := container.get("ModelPackageName"):
        if container.get("Image") or container.get("ModelDataUrl"):
            raise invalid("Image and ModelDataUrl cannot be given together with ModelPackageName.")
        package = find_package(context, package_name)
        if package.get("ModelApprovalStatus", "Approved") != "Approved":
            raise invalid(
                f"ModelPackage {package['ModelPackageArn']} is not approved: its "
                f"ModelApprovalStatus is {package['ModelApprovalStatus']}."
            )
    elif not container.get("Image"):
        raise invalid("A container needs an Image or a ModelPackageName.")


def _without_tags(params: Document) -> Document:
    return {name: value for name, value in params.items() if name != "Tags"}


def _delete(context: OperationContext, kind: str, document: Document) -> Document:
    context.store.delete(kind, document[f"{kind}Name"])
    if get_tags(context, document[f"{kind}Arn"]):
        context.store.delete(TAGS, document[f"{kind}Arn"])
    return {}


OPERATIONS: Table = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": list_operation("ListModels", Listing("Model", "ModelName", descending=True)),
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "ListEndpointConfigs": list_operation(
        "ListEndpointConfigs", Listing("EndpointConfig", "EndpointConfigName", descending=True)
    ),
}
