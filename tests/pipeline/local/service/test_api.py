"""The operations: what they keep, refuse and list."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.local.service.api import ApiError, LocalApi
from pipeline.local.store import Store
from tests.pipeline.local.service.api_support import (
    PREFIX,
    SOURCE,
    SPECIFICATION,
    make_config,
    make_model,
    refused,
    register,
)


@pytest.fixture
def api(store: Store) -> LocalApi:
    return LocalApi(store)


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        ("DescribeModel", {"ModelName": "x"}, "ValidationException", "Could not find model"),
        ("DeleteModel", {"ModelName": "x"}, "ValidationException", "Could not find model"),
        ("DescribeEndpointConfig", {"EndpointConfigName": "x"}, "ValidationException",
         f'Could not find endpoint configuration "{PREFIX}:endpoint-config/x".'),
        ("DescribeEndpoint", {"EndpointName": "x"}, "ValidationException",
         f'Could not find endpoint "{PREFIX}:endpoint/x".'),
        ("DeleteEndpoint", {"EndpointName": "x"}, "ValidationException", "Could not find endpoint"),
        ("DescribeModelPackageGroup", {"ModelPackageGroupName": "x"}, "ValidationException",
         f"ModelPackageGroup {PREFIX}:model-package-group/x does not exist."),
        ("DescribeModelPackage", {"ModelPackageName": f"{PREFIX}:model-package/x/1"},
         "ValidationException", f"ModelPackage {PREFIX}:model-package/x/1 does not exist."),
        ("ListModelPackages", {"ModelPackageGroupName": "x"}, "ValidationException", "not exist"),
        ("DescribePipeline", {"PipelineName": "x"}, "ResourceNotFound", "does not exist"),
        ("DescribePipelineExecution", {"PipelineExecutionArn": f"{PREFIX}:pipeline/p/execution/e"},
         "ResourceNotFound", "does not exist"),
        ("DescribeTrainingJob", {"TrainingJobName": "x"}, "ResourceNotFound", "not found"),
        ("DescribeProcessingJob", {"ProcessingJobName": "x"}, "ResourceNotFound", "not found"),
        ("ListTags", {"ResourceArn": f"{PREFIX}:model/x"}, "ValidationException", "Could not find"),
        ("StartPipelineExecution", {"PipelineName": "x"}, "ResourceNotFound", "does not exist"),
        ("StopPipelineExecution", {"PipelineExecutionArn": f"{PREFIX}:pipeline/p/execution/e"},
         "ResourceNotFound", "does not exist"),
        ("RetryPipelineExecution", {"PipelineExecutionArn": f"{PREFIX}:pipeline/p/execution/e"},
         "ResourceNotFound", "does not exist"),
        ("DeletePipeline", {}, "UnknownOperationException", "DeletePipeline"),
        ("", {}, "UnknownOperationException", "it answers: AddTags"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_sagemakers_words(
    api: LocalApi, operation: str, params: dict[str, Any], code: str, message: str
) -> None:
    error = refused(api, operation, **params)
    assert (error.code, error.http_status) == (code, 400)
    assert message in error.message


def test_a_wrong_request_names_every_mistake(api: LocalApi) -> None:
    error = refused(api, "CreateModel", ModelName="a_b", PrimaryContainer={"Mode": "x"})
    assert error.message.startswith("2 validation errors detected: ")
    assert "'modelName'" in error.message
    assert "'primaryContainer.mode'" in error.message


class TestModels:
    def test_a_model_is_described_as_it_was_made(self, api: LocalApi) -> None:
        arn = make_model(api)
        model = api.call("DescribeModel", {"ModelName": "m"})
        assert model["ModelArn"] == arn
        assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://b/model.tar.gz"
        api.call("DeleteModel", {"ModelName": "m"})
        assert api.call("ListModels", {}) == {"Models": []}

    def test_a_name_is_given_once(self, api: LocalApi) -> None:
        make_model(api)
        with pytest.raises(ApiError, match=r'Cannot create already existing model ".*model/m"'):
            make_model(api)

    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"PrimaryContainer": {}},
            {"Containers": [{"Image": "a"}, {"Image": "b"}]},
            {"PrimaryContainer": {"Image": "a", "ModelPackageName": f"{PREFIX}:model-package/d/1"}},
            {"PrimaryContainer": {"Image": "a", "AdditionalModelDataSources": [SOURCE]}},
        ],
    )  # fmt: skip
    def test_what_cannot_be_hosted_is_refused(self, api: LocalApi, params: dict[str, Any]) -> None:
        assert refused(api, "CreateModel", ModelName="m", **params).code == "ValidationException"

    def test_what_would_run_other_code_than_the_models_is_refused(self, api: LocalApi) -> None:
        container = {"Image": "a", "Environment": {"LD_PRELOAD": "/evil/evil.so"}}
        error = refused(api, "CreateModel", ModelName="m", PrimaryContainer=container)
        assert (error.code, "LD_PRELOAD" in error.message) == ("ValidationException", True)
        (arn,) = register(api)
        specification = {**SPECIFICATION, "Containers": [{**container, "ModelDataUrl": "s3://b/m"}]}
        for operation, named in (
            ("CreateModelPackage", {"ModelPackageGroupName": "dogs"}),
            ("UpdateModelPackage", {"ModelPackageArn": arn}),
        ):
            error = refused(api, operation, InferenceSpecification=specification, **named)
            assert "LD_PRELOAD" in error.message

    def test_a_package_must_be_approved_first(self, api: LocalApi) -> None:
        (arn,) = register(api)
        request = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": arn}}
        assert "not approved" in refused(api, "CreateModel", **request).message
        update = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
        api.call("UpdateModelPackage", update)
        assert api.call("CreateModel", request)["ModelArn"].endswith(":model/m")

    def test_a_config_needs_its_model_and_one_variant(self, api: LocalApi) -> None:
        with pytest.raises(ApiError, match="Could not find model"):
            make_config(api)
        make_model(api)
        make_config(api)
        with pytest.raises(ApiError, match="already existing endpoint configuration"):
            make_config(api)
        variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}
        two = {"EndpointConfigName": "d", "ProductionVariants": [variant, variant]}
        assert "one production variant" in refused(api, "CreateEndpointConfig", **two).message
        api.call("DeleteEndpointConfig", {"EndpointConfigName": "c"})

    def test_tags_are_kept_replaced_and_removed_with_their_resource(self, api: LocalApi) -> None:
        arn = make_model(api)
        api.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "1"}]})
        api.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "2"}]})
        tags = api.call("ListTags", {"ResourceArn": arn})["Tags"]
        assert tags == [{"Key": "a", "Value": "2"}]
        api.call("DeleteModel", {"ModelName": "m"})
        assert api.call("ListTags", {"ResourceArn": make_model(api)}) == {"Tags": []}


class TestPackages:
    def test_versions_count_up_and_are_never_given_twice(self, api: LocalApi) -> None:
        first, second = register(api, 2)
        assert second == f"{PREFIX}:model-package/dogs/2"
        api.call("DeleteModelPackage", {"ModelPackageName": second})
        (third,) = register(api)
        assert third.endswith("/3")
        assert (
            api.call("DescribeModelPackage", {"ModelPackageName": first})["ModelApprovalStatus"]
            == "PendingManualApproval"
        )

    def test_versions_are_unique_however_many_register_at_once(
        self, api: LocalApi, store: Store
    ) -> None:
        register(api, 0)
        others = [LocalApi(Store(store.root)) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            arns = list(pool.map(lambda other: register(other, 5), others))
        numbers = sorted(int(arn.rpartition("/")[2]) for five in arns for arn in five)
        assert numbers == list(range(1, 21))

    def test_the_same_client_token_registers_once(self, api: LocalApi) -> None:
        register(api, 0)
        request = {
            "ModelPackageGroupName": "dogs",
            "InferenceSpecification": SPECIFICATION,
            "ClientToken": "a" * 36,
        }
        arns = {api.call("CreateModelPackage", request)["ModelPackageArn"] for _ in range(3)}
        assert len(arns) == 1

    def test_approval_and_metadata_change_and_the_rest_stays(self, api: LocalApi) -> None:
        (arn,) = register(api)
        api.call(
            "UpdateModelPackage",
            {
                "ModelPackageArn": arn,
                "ModelApprovalStatus": "Rejected",
                "ApprovalDescription": "confuses the terriers",
                "CustomerMetadataProperties": {"a": "1", "b": "2"},
            },
        )
        api.call(
            "UpdateModelPackage",
            {"ModelPackageArn": arn, "CustomerMetadataPropertiesToRemove": ["a"]},
        )
        package = api.call("DescribeModelPackage", {"ModelPackageName": arn})
        assert package["ModelApprovalStatus"] == "Rejected"
        assert package["ApprovalDescription"] == "confuses the terriers"
        assert package["CustomerMetadataProperties"] == {"b": "2"}
        assert package["InferenceSpecification"] == SPECIFICATION
        assert package["LastModifiedTime"] > package["CreationTime"]
        assert package["LastModifiedBy"]["IamIdentity"]["PrincipalId"]

    def test_a_card_that_sagemaker_refuses_is_refused(self, api: LocalApi) -> None:
        (arn,) = register(api)
        sound = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}
        api.call("UpdateModelPackage", {"ModelPackageArn": arn, "ModelCard": sound})
        assert api.call("DescribeModelPackage", {"ModelPackageName": arn})["ModelCard"] == sound
        wrong = sound | {"ModelCardContent": '{"model_name": "dogs"}'}
        with pytest.raises(ApiError, match="model_name"):
            api.call("UpdateModelPackage", {"ModelPackageArn": arn, "ModelCard": wrong})

    def test_packages_are_filtered_by_group_type_and_status(self, api: LocalApi) -> None:
        arns = register(api, 3)
        register(api, 1, group="cats")
        single = {"ModelPackageName": "single", "InferenceSpecification": SPECIFICATION}
        api.call("CreateModelPackage", single)
        update = {"ModelPackageArn": arns[1], "ModelApprovalStatus": "Approved"}
        api.call("UpdateModelPackage", update)

        def listed(**params: Any) -> list[str]:
            found = api.call("ListModelPackages", params)["ModelPackageSummaryList"]
            return [package["ModelPackageArn"].rpartition("model-package/")[2] for package in found]

        assert listed(ModelPackageGroupName="dogs") == ["dogs/1", "dogs/2", "dogs/3"]
        by_arn = f"{PREFIX}:model-package-group/dogs"
        assert listed(ModelPackageGroupName=by_arn, SortOrder="Descending")[0] == "dogs/3"
        assert listed(ModelPackageGroupName="dogs", ModelApprovalStatus="Approved") == ["dogs/2"]
        assert listed() == ["single"]
        assert len(listed(ModelPackageType="Both")) == 5
        assert listed(ModelPackageType="Versioned", NameContains="CAT") == ["cats/1"]

    def test_a_group_goes_when_it_is_empty(self, api: LocalApi) -> None:
        (arn,) = register(api)
        error = refused(api, "DeleteModelPackageGroup", ModelPackageGroupName="dogs")
        assert error.code == "ConflictException"
        api.call("DeleteModelPackage", {"ModelPackageName": arn})
        api.call("DeleteModelPackageGroup", {"ModelPackageGroupName": "dogs"})
        assert api.call("ListModelPackageGroups", {}) == {"ModelPackageGroupSummaryList": []}

    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"ModelPackageName": "a", "ModelPackageGroupName": "dogs"},
            {"ModelPackageGroupName": "dogs", "Tags": [{"Key": "a", "Value": "b"}]},
        ],
    )
    def test_what_sagemaker_refuses_is_refused(self, api: LocalApi, params: dict[str, Any]) -> None:
        register(api, 0)
        assert refused(api, "CreateModelPackage", **params).code == "ValidationException"


class TestPages:
    def test_pages_hold_everything_once_in_order(self, api: LocalApi) -> None:
        for number in range(23):
            make_model(api, f"m{number:02}")
        seen: list[str] = []
        params: dict[str, Any] = {"SortBy": "Name", "SortOrder": "Ascending"}
        while True:
            page = api.call("ListModels", params)
            assert len(page["Models"]) <= 10
            seen += [model["ModelName"] for model in page["Models"]]
            if "NextToken" not in page:
                break
            params["NextToken"] = page["NextToken"]
        assert seen == [f"m{number:02}" for number in range(23)]

    @pytest.mark.parametrize("order", ["Ascending", "Descending"])
    def test_what_comes_and_goes_between_pages_hides_nothing(
        self, api: LocalApi, order: str
    ) -> None:
        for name in "bdfh":
            make_model(api, name)
        params: dict[str, Any] = {"SortBy": "Name", "SortOrder": order, "MaxResults": 2}
        first = api.call("ListModels", params)
        last = first["Models"][-1]["ModelName"]
        api.call("DeleteModel", {"ModelName": last})
        make_model(api, "a")
        make_model(api, "z")
        rest = api.call("ListModels", params | {"NextToken": first["NextToken"]})["Models"]
        expected = ["f", "h"] if order == "Ascending" else ["d", "b"]
        assert [model["ModelName"] for model in rest] == expected

    @pytest.mark.parametrize("token", ["x", "eA==", "W10=", "é"])
    def test_a_foreign_token_is_refused(self, api: LocalApi, token: str) -> None:
        assert "pagination token" in refused(api, "ListModels", NextToken=token).message

    def test_a_token_belongs_to_its_question(self, api: LocalApi) -> None:
        for name in "abc":
            make_model(api, name)
        token = api.call("ListModels", {"MaxResults": 1})["NextToken"]
        assert api.call("ListModels", {"MaxResults": 2, "NextToken": token})["Models"]
        error = refused(api, "ListModels", NextToken=token, SortBy="Name")
        assert "pagination token" in error.message

    def test_times_and_names_filter(self, api: LocalApi) -> None:
        make_model(api, "beagle")
        make_model(api, "boxer")
        later = datetime.now(UTC) + timedelta(hours=1)
        assert api.call("ListModels", {"CreationTimeAfter": later}) == {"Models": []}
        assert len(api.call("ListModels", {"CreationTimeBefore": later})["Models"]) == 2
        (model,) = api.call("ListModels", {"NameContains": "BOX"})["Models"]
        assert model["ModelName"] == "boxer"

    def test_a_filter_that_is_not_there_locally_is_not_ignored(self, api: LocalApi) -> None:
        error = refused(api, "ListTrainingJobs", WarmPoolStatusEquals="Available")
        assert "WarmPoolStatusEquals is not supported" in error.message
