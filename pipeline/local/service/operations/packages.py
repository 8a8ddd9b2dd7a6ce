"""Answer the registry's operations: groups, and versioned or single model packages."""

import getpass
import os
from typing import Any

from pipeline.local.service.operations.context import (
    ApiError,
    OperationContext,
    Table,
    invalid,
    name_of,
    now,
    refuse,
    refuse_environment,
)
from pipeline.local.service.operations.events import publish_package
from pipeline.local.service.operations.listing import Listing, list_operation
from pipeline.local.service.operations.tags import TAGS, put_tags
from pipeline.local.store import Document

_KEY = "ModelPackageArn"
_UPDATED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def create_group(context: OperationContext, params: Document) -> Document:
    """Answer CreateModelPackageGroup."""
    name = params["ModelPackageGroupName"]
    arn = context.arn("model-package-group", name)
    refuse(params, ["ManagedConfiguration"])
    document = {key: value for key, value in params.items() if key != "Tags"} | {
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": now(),
        "CreatedBy": {},
    }
    with context.store.transaction():
        if context.store.get("ModelPackageGroup", name):
            raise invalid(f"Model Package Group already exists: {arn}")
        context.store.put("ModelPackageGroup", name, document, arn=arn)
        put_tags(context, arn, params.get("Tags"))
    return {"ModelPackageGroupArn": arn}


def describe_group(context: OperationContext, params: Document) -> Document:
    """Answer DescribeModelPackageGroup, by name or ARN."""
    return find_group(context, params["ModelPackageGroupName"])


def delete_group(context: OperationContext, params: Document) -> Document:
    """Answer DeleteModelPackageGroup; refuse while it holds packages."""
    with context.store.transaction():
        group = find_group(context, params["ModelPackageGroupName"])
        if _packages_of(context, group["ModelPackageGroupName"]):
            raise ApiError(
                "ConflictException",
                f"Model Package Group {group['ModelPackageGroupArn']} contains Model Packages and "
                "cannot be deleted: delete these first.",
            )
        context.store.delete("ModelPackageGroup", group["ModelPackageGroupName"])
        context.store.delete("PackageCounter", group["ModelPackageGroupName"])
        context.store.delete(TAGS, group["ModelPackageGroupArn"])
    return {}


def find_group(context: OperationContext, name: str) -> Document:
    """Return the model package group of that name or ARN. Raises ApiError."""
    document = context.store.get("ModelPackageGroup", name_of(name))
    if document is None:
        arn = context.arn("model-package-group", name_of(name))
        raise invalid(f"ModelPackageGroup {arn} does not exist.")
    return document


def create_package(context: OperationContext, params: Document) -> Document:
    """Answer CreateModelPackage: the next version of a group, or a single package with a name.

    For a ClientToken seen before, answer the package that was made then.
    """
    if bool(params.get("ModelPackageName")) == bool(params.get("ModelPackageGroupName")):
        raise invalid("Give either ModelPackageName or ModelPackageGroupName.")
    refuse(params, ["CertifyForMarketplace", "SourceAlgorithmSpecification"])
    if params.get("ModelPackageGroupName") and params.get("Tags"):
        raise invalid(
            "Tags cannot be given for a versioned model package: it has those of its group."
        )
    _check_environments(params)
    _check_card(params)
    token = params.get("ClientToken", "")
    with context.store.transaction():
        if token and (made := context.store.get("PackageToken", token)):
            return made
        name, identity = _identity(context, params)
        document = _new_package(context, params, identity)
        answer = {"ModelPackageArn": document["ModelPackageArn"]}
        context.store.put("ModelPackage", name, document, arn=document["ModelPackageArn"])
        put_tags(context, document["ModelPackageArn"], params.get("Tags"))
        if token:
            context.store.put("PackageToken", token, answer)
        publish_package(context.store, document)
    return answer


def _check_environments(params: Document) -> None:
    for container in params.get("InferenceSpecification", {}).get("Containers", []):
        refuse_environment(container)


def _check_card(params: Document) -> None:
    from pipeline.definition.model_card import card_problems

    content = params.get("ModelCard", {}).get("ModelCardContent")
    if content is not None and (problems := card_problems(content)):
        raise invalid(f"The model card's content is not of its schema: {'; '.join(problems)}")


def _identity(context: OperationContext, params: Document) -> tuple[str, Document]:
    if name := params.get("ModelPackageName"):
        if context.store.get("ModelPackage", name):
            arn = context.arn("model-package", name)
            raise invalid(f"Model Package already exists: {arn}")
        return name, {"ModelPackageName": name}
    group = find_group(context, params["ModelPackageGroupName"])["ModelPackageGroupName"]
    # Counted apart from the packages: SageMaker never gives a version number twice.
    counter = context.store.get("PackageCounter", group) or {"Last": 0}
    version = counter["Last"] + 1
    context.store.put("PackageCounter", group, {"Last": version})
    return f"{group}/{version}", {"ModelPackageGroupName": group, "ModelPackageVersion": version}


def _new_package(context: OperationContext, params: Document, identity: Document) -> Document:
    left_out = ("Tags", "ClientToken", "ModelPackageName", "ModelPackageGroupName")
    name = identity.get("ModelPackageName") or (
        f"{identity['ModelPackageGroupName']}/{identity['ModelPackageVersion']}"
    )
    status: Document = {}
    if "ModelPackageVersion" in identity:
        status["ModelApprovalStatus"] = params.get("ModelApprovalStatus", "PendingManualApproval")
    made = now()
    return (
        {key: value for key, value in params.items() if key not in left_out}
        | identity
        | status
        | {
            "ModelPackageArn": context.arn("model-package", name),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreationTime": made,
            "LastModifiedTime": made,
        }
    )


def describe_package(context: OperationContext, params: Document) -> Document:
    """Answer DescribeModelPackage, by name or ARN."""
    return find_package(context, params["ModelPackageName"])


def update_package(context: OperationContext, params: Document) -> Document:
    """Answer UpdateModelPackage: change approval, description and metadata of a package."""
    refuse(params, ["AdditionalInferenceSpecificationsToAdd"])
    _check_environments(params)
    _check_card(params)
    with context.store.transaction():
        package = find_package(context, params["ModelPackageArn"])
        if "ModelApprovalStatus" in params and "ModelPackageVersion" not in package:
            raise invalid("ModelApprovalStatus can be set for versioned model packages only.")
        package |= {key: params[key] for key in _UPDATED if key in params}
        metadata = package.get("CustomerMetadataProperties", {})
        metadata |= params.get("CustomerMetadataProperties", {})
        for key in params.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        package |= {"CustomerMetadataProperties": metadata, "LastModifiedTime": now()}
        package["LastModifiedBy"] = {"IamIdentity": {"PrincipalId": _login_name()}}
        _put_package(context, package)
        publish_package(context.store, package, [key for key in params if key != _KEY])
    return {"ModelPackageArn": package["ModelPackageArn"]}


def _login_name() -> str:
    """Return who changes something here: the service answers its owner alone."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # the system knows no name for this user
        return f"user {os.getuid()}"


def delete_package(context: OperationContext, params: Document) -> Document:
    """Answer DeleteModelPackage, by name or ARN; a version number is not given again."""
    package = find_package(context, params["ModelPackageName"])
    context.store.delete("ModelPackage", name_of(package["ModelPackageArn"]))
    context.store.delete(TAGS, package["ModelPackageArn"])
    return {}


def find_package(context: OperationContext, name: str) -> Document:
    """Return the model package of that name or ARN. Raises ApiError."""
    document = context.store.get("ModelPackage", name_of(name))
    if document is None:
        arn = context.arn("model-package", name_of(name))
        raise invalid(f"ModelPackage {arn} does not exist.")
    return document


def _put_package(context: OperationContext, package: Document) -> None:
    arn = package["ModelPackageArn"]
    context.store.put("ModelPackage", name_of(arn), package, arn=arn)


def _packages_of(context: OperationContext, group: str) -> list[Document]:
    packages = context.store.list("ModelPackage")
    return [package for package in packages if package.get("ModelPackageGroupName") == group]


def _find_listed(context: OperationContext, params: Document) -> list[Document]:
    if group := params.get("ModelPackageGroupName"):
        return _packages_of(context, find_group(context, group)["ModelPackageGroupName"])
    kind = params.get("ModelPackageType", "Unversioned")
    packages = context.store.list("ModelPackage")
    return [
        package
        for package in packages
        if kind == "Both" or ("ModelPackageVersion" in package) == (kind == "Versioned")
    ]


def _anything(_document: Document, _value: Any) -> bool:
    return True


def _name_contains(package: Document, value: str) -> bool:
    return value.lower() in name_of(package["ModelPackageArn"]).lower()


OPERATIONS: Table = {
    "CreateModelPackageGroup": create_group,
    "DescribeModelPackageGroup": describe_group,
    "DeleteModelPackageGroup": delete_group,
    "ListModelPackageGroups": list_operation(
        "ListModelPackageGroups", Listing("ModelPackageGroup", "ModelPackageGroupName")
    ),
    "CreateModelPackage": create_package,
    "DescribeModelPackage": describe_package,
    "UpdateModelPackage": update_package,
    "DeleteModelPackage": delete_package,
    "ListModelPackages": list_operation(
        "ListModelPackages",
        Listing(
            "ModelPackage",
            "ModelPackageArn",
            find=_find_listed,
            filters={
                "ModelPackageGroupName": _anything,  # `find` has applied these two
                "ModelPackageType": _anything,
                "ModelApprovalStatus": lambda package, value: (
                    package.get("ModelApprovalStatus") == value
                ),
                "NameContains": _name_contains,
            },
        ),
    ),
}
