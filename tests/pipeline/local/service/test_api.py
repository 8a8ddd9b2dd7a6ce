"""The operations: what they keep, refuse and list."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.local.service.api import OPERATIONS, ApiError, LocalApi
from pipeline.local.service.shapes import service_model
from pipeline.local.store import Store

ROLE = "arn:aws:iam::111122223333:role/execution"
PREFIX = "arn:aws:sagemaker:us-east-1:111122223333"
SOURCE = {
    "ChannelName": "more",
    "S3DataSource": {"S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"},
}
SPECIFICATION = {
    "Containers": [{"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz"}],
    "SupportedContentTypes": ["image/jpeg"],
    "SupportedResponseMIMETypes": ["application/json"],
}


@pytest.fixture
def api(store: Store) -> LocalApi:
    return LocalApi(store)


def _refused(api: LocalApi, operation: str, **params: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        api.call(operation, params)
    return caught.value


def _register(api: LocalApi, count: int = 1, group: str = "dogs") -> list[str]:
    with suppress(ApiError):
        api.call("CreateModelPackageGroup", {"ModelPackageGroupName": group})
    request = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION}
    return [api.call("CreateModelPackage", request)["ModelPackageArn"] for _ in range(count)]


def _model(api: LocalApi, name: str = "m") -> str:
    container = {"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz"}
    request = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    arn: str = api.call("CreateModel", request)["ModelArn"]
    return arn


def _config(api: LocalApi, name: str = "c", model: str = "m") -> None:
    variant = {"VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1}
    api.call("CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]})


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
        ("StopPipelineExecution", {}, "UnknownOperationException", "StopPipelineExecution"),
        ("", {}, "UnknownOperationException", "it answers: AddTags"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_sagemakers_words(
    api: LocalApi, operation: str, params: dict[str, Any], code: str, message: str
) -> None:
    error = _refused(api, operation, **params)
    assert (error.code, error.http_status) == (code, 400)
    assert message in error.message


def test_a_wrong_request_names_every_mistake(api: LocalApi) -> None:
    error = _refused(api, "CreateModel", ModelName="a_b", PrimaryContainer={"Mode": "x"})
    assert error.message.startswith("2 validation errors detected: ")
    assert "'modelName'" in error.message
    assert "'primaryContainer.mode'" in error.message


class TestModels:
    def test_a_model_is_described_as_it_was_made(self, api: LocalApi) -> None:
        arn = _model(api)
        model = api.call("DescribeModel", {"ModelName": "m"})
        assert model["ModelArn"] == arn
        assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://b/model.tar.gz"
        api.call("DeleteModel", {"ModelName": "m"})
        assert api.call("ListModels", {}) == {"Models": []}

    def test_a_name_is_given_once(self, api: LocalApi) -> None:
        _model(api)
        with pytest.raises(ApiError, match=r'Cannot create already existing model ".*model/m"'):
            _model(api)

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
        assert _refused(api, "CreateModel", ModelName="m", **params).code == "ValidationException"

    def test_a_package_must_be_approved_first(self, api: LocalApi) -> None:
        (arn,) = _register(api)
        request = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": arn}}
        assert "not approved" in _refused(api, "CreateModel", **request).message
        update = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
        api.call("UpdateModelPackage", update)
        assert api.call("CreateModel", request)["ModelArn"].endswith(":model/m")

    def test_a_config_needs_its_model_and_one_variant(self, api: LocalApi) -> None:
        with pytest.raises(ApiError, match="Could not find model"):
            _config(api)
        _model(api)
        _config(api)
        with pytest.raises(ApiError, match="already existing endpoint configuration"):
            _config(api)
        variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}
        two = {"EndpointConfigName": "d", "ProductionVariants": [variant, variant]}
        assert "one production variant" in _refused(api, "CreateEndpointConfig", **two).message
        api.call("DeleteEndpointConfig", {"EndpointConfigName": "c"})

    def test_tags_are_kept_replaced_and_removed_with_their_resource(self, api: LocalApi) -> None:
        arn = _model(api)
        api.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "1"}]})
        api.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "2"}]})
        tags = api.call("ListTags", {"ResourceArn": arn})["Tags"]
        assert tags == [{"Key": "a", "Value": "2"}]
        api.call("DeleteModel", {"ModelName": "m"})
        assert api.call("ListTags", {"ResourceArn": _model(api)}) == {"Tags": []}


class TestPackages:
    def test_versions_count_up_and_are_never_given_twice(self, api: LocalApi) -> None:
        first, second = _register(api, 2)
        assert second == f"{PREFIX}:model-package/dogs/2"
        api.call("DeleteModelPackage", {"ModelPackageName": second})
        (third,) = _register(api)
        assert third.endswith("/3")
        assert (
            api.call("DescribeModelPackage", {"ModelPackageName": first})["ModelApprovalStatus"]
            == "PendingManualApproval"
        )

    def test_versions_are_unique_however_many_register_at_once(
        self, api: LocalApi, store: Store
    ) -> None:
        _register(api, 0)
        others = [LocalApi(Store(store.root)) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            arns = list(pool.map(lambda other: _register(other, 5), others))
        numbers = sorted(int(arn.rpartition("/")[2]) for five in arns for arn in five)
        assert numbers == list(range(1, 21))

    def test_the_same_client_token_registers_once(self, api: LocalApi) -> None:
        _register(api, 0)
        request = {
            "ModelPackageGroupName": "dogs",
            "InferenceSpecification": SPECIFICATION,
            "ClientToken": "a" * 36,
        }
        arns = {api.call("CreateModelPackage", request)["ModelPackageArn"] for _ in range(3)}
        assert len(arns) == 1

    def test_approval_and_metadata_change_and_the_rest_stays(self, api: LocalApi) -> None:
        (arn,) = _register(api)
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

    def test_packages_are_filtered_by_group_type_and_status(self, api: LocalApi) -> None:
        arns = _register(api, 3)
        _register(api, 1, group="cats")
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
        (arn,) = _register(api)
        error = _refused(api, "DeleteModelPackageGroup", ModelPackageGroupName="dogs")
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
        _register(api, 0)
        assert _refused(api, "CreateModelPackage", **params).code == "ValidationException"


class TestPages:
    def test_pages_hold_everything_once_in_order(self, api: LocalApi) -> None:
        for number in range(23):
            _model(api, f"m{number:02}")
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
            _model(api, name)
        params: dict[str, Any] = {"SortBy": "Name", "SortOrder": order, "MaxResults": 2}
        first = api.call("ListModels", params)
        last = first["Models"][-1]["ModelName"]
        api.call("DeleteModel", {"ModelName": last})
        _model(api, "a")
        _model(api, "z")
        rest = api.call("ListModels", params | {"NextToken": first["NextToken"]})["Models"]
        expected = ["f", "h"] if order == "Ascending" else ["d", "b"]
        assert [model["ModelName"] for model in rest] == expected

    @pytest.mark.parametrize("token", ["x", "eA==", "W10=", "é"])
    def test_a_foreign_token_is_refused(self, api: LocalApi, token: str) -> None:
        assert "pagination token" in _refused(api, "ListModels", NextToken=token).message

    def test_a_token_belongs_to_its_question(self, api: LocalApi) -> None:
        for name in "abc":
            _model(api, name)
        token = api.call("ListModels", {"MaxResults": 1})["NextToken"]
        assert api.call("ListModels", {"MaxResults": 2, "NextToken": token})["Models"]
        error = _refused(api, "ListModels", NextToken=token, SortBy="Name")
        assert "pagination token" in error.message

    def test_times_and_names_filter(self, api: LocalApi) -> None:
        _model(api, "beagle")
        _model(api, "boxer")
        later = datetime.now(UTC) + timedelta(hours=1)
        assert api.call("ListModels", {"CreationTimeAfter": later}) == {"Models": []}
        assert len(api.call("ListModels", {"CreationTimeBefore": later})["Models"]) == 2
        (model,) = api.call("ListModels", {"NameContains": "BOX"})["Models"]
        assert model["ModelName"] == "boxer"

    def test_a_filter_that_is_not_there_locally_is_not_ignored(self, api: LocalApi) -> None:
        error = _refused(api, "ListTrainingJobs", WarmPoolStatusEquals="Available")
        assert "WarmPoolStatusEquals is not supported" in error.message


class TestRuns:
    """Documents as the engine writes them."""

    EXECUTION = f"{PREFIX}:pipeline/dogs/execution/e1"
    BEGAN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

    @pytest.fixture
    def api(self, store: Store) -> LocalApi:
        api = LocalApi(store)
        definition = {"PipelineName": "dogs", "PipelineDefinition": "{}", "RoleArn": ROLE}
        api.call("CreatePipeline", definition)
        execution = {
            "PipelineArn": f"{PREFIX}:pipeline/dogs",
            "PipelineExecutionArn": self.EXECUTION,
            "PipelineExecutionStatus": "Failed",
            "FailureReason": "step Train failed",
            "CreationTime": self.BEGAN,
            "LastModifiedTime": self.BEGAN,
            "PipelineParameters": [{"Name": f"P{i}", "Value": str(i)} for i in range(12)],
            "PipelineDefinition": '{"Version": "2020-12-01"}',
        }
        store.put("PipelineExecution", "e1", execution, arn=self.EXECUTION)
        for minute, name in enumerate(("Prepare", "Train")):
            began = self.BEGAN + timedelta(minutes=minute)
            step = {
                "PipelineExecutionArn": self.EXECUTION,
                "StepName": name,
                "StepStatus": "Succeeded",
                "StartTime": began,
                "Metadata": {"TrainingJob": {"Arn": f"{PREFIX}:training-job/{name}"}},
            }
            store.put("PipelineExecutionStep", f"e1/{name}", step)
        return api

    def test_a_pipeline_is_updated_and_found_by_name_or_arn(self, api: LocalApi) -> None:
        again = {"PipelineName": "dogs", "PipelineDefinition": "{}", "RoleArn": ROLE}
        assert "must be unique" in _refused(api, "CreatePipeline", **again).message
        bad = _refused(api, "UpdatePipeline", PipelineName="dogs", PipelineDefinition="{")
        assert "parse" in bad.message
        api.call("UpdatePipeline", {"PipelineName": "dogs", "PipelineDefinition": '{"a": 1}'})
        pipeline = api.call("DescribePipeline", {"PipelineName": f"{PREFIX}:pipeline/dogs"})
        assert pipeline["PipelineDefinition"] == '{"a": 1}'
        (summary,) = api.call("ListPipelines", {"PipelineNamePrefix": "do"})["PipelineSummaries"]
        assert summary["PipelineName"] == "dogs"

    def test_an_execution_is_described_without_our_bookkeeping(self, api: LocalApi) -> None:
        by_arn = {"PipelineExecutionArn": self.EXECUTION}
        execution = api.call("DescribePipelineExecution", by_arn)
        assert execution["PipelineExecutionStatus"] == "Failed"
        assert "PipelineParameters" not in execution
        (summary,) = api.call("ListPipelineExecutions", {"PipelineName": "dogs"})[
            "PipelineExecutionSummaries"
        ]
        assert summary["StartTime"] == self.BEGAN
        assert summary["PipelineExecutionFailureReason"] == "step Train failed"
        definition = api.call("DescribePipelineDefinitionForExecution", by_arn)
        assert definition["PipelineDefinition"] == '{"Version": "2020-12-01"}'

    def test_steps_are_listed_by_time(self, api: LocalApi) -> None:
        by_arn = {"PipelineExecutionArn": self.EXECUTION, "SortOrder": "Ascending"}
        steps = api.call("ListPipelineExecutionSteps", by_arn)["PipelineExecutionSteps"]
        assert [step["StepName"] for step in steps] == ["Prepare", "Train"]

    def test_parameters_keep_the_order_of_the_definition(self, api: LocalApi) -> None:
        params: dict[str, Any] = {"PipelineExecutionArn": self.EXECUTION}
        first = api.call("ListPipelineParametersForExecution", params)
        params["NextToken"] = first["NextToken"]
        second = api.call("ListPipelineParametersForExecution", params)
        names = [p["Name"] for p in first["PipelineParameters"] + second["PipelineParameters"]]
        assert names == [f"P{i}" for i in range(12)]

    def test_trials_are_ranked_and_those_without_a_result_left_out(
        self, api: LocalApi, store: Store
    ) -> None:
        tuning = f"{PREFIX}:hyper-parameter-tuning-job/tune"
        document = {
            "HyperParameterTuningJobName": "tune",
            "HyperParameterTuningJobArn": tuning,
            "HyperParameterTuningJobStatus": "Completed",
            "CreationTime": self.BEGAN,
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            },
            "TrainingJobStatusCounters": {"Completed": 3},
            "ObjectiveStatusCounters": {"Succeeded": 2},
        }
        store.put("HyperParameterTuningJob", "tune", document, arn=tuning)
        (summary,) = api.call("ListHyperParameterTuningJobs", {})[
            "HyperParameterTuningJobSummaries"
        ]
        assert summary["Strategy"] == "Bayesian"
        for name, value in (("t1", 0.5), ("t2", 0.75), ("t3", None)):
            metric = {"MetricName": "best:valid_accuracy", "Value": value}
            job = {
                "TrainingJobName": name,
                "TrainingJobArn": f"{PREFIX}:training-job/{name}",
                "TuningJobArn": tuning,
                "TrainingJobStatus": "Completed",
                "SecondaryStatus": "Completed",
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "CreationTime": self.BEGAN,
                "TunedHyperParameters": {"lr": "0.1"},
                "FinalHyperParameterTuningJobObjectiveMetric": metric if value else None,
            }
            store.put("TrainingJob", name, job, arn=job["TrainingJobArn"])
        params = {
            "HyperParameterTuningJobName": "tune",
            "SortBy": "FinalObjectiveMetricValue",
            "SortOrder": "Descending",
        }
        trials = api.call("ListTrainingJobsForHyperParameterTuningJob", params)
        names = [trial["TrainingJobName"] for trial in trials["TrainingJobSummaries"]]
        assert names == ["t2", "t1"]
        assert trials["TrainingJobSummaries"][0]["TunedHyperParameters"] == {"lr": "0.1"}
        job = api.call("DescribeTrainingJob", {"TrainingJobName": "t1"})
        assert "TunedHyperParameters" not in job

    def test_a_document_that_does_not_fit_is_a_fault_of_ours(
        self, api: LocalApi, store: Store
    ) -> None:
        store.put("ProcessingJob", "p", {"ProcessingJobName": "p", "ProcessingJobStatus": "Done"})
        error = _refused(api, "DescribeProcessingJob", ProcessingJobName="p")
        assert (error.code, error.http_status) == ("InternalFailure", 500)
        assert "'processingJobStatus'" in error.message


def _values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that mostly have the right type, and any length, range, name and depth."""
    kind = shape.type_name
    wrong = st.sampled_from([None, 1, "", "a b", [], {}, True])
    if depth > 3:
        return wrong
    if kind == "structure":
        members = {name: _values(inner, depth + 1) for name, inner in shape.members.items()}
        needed = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(needed, optional=members) | wrong
    if kind == "list":
        return st.lists(_values(shape.member, depth + 1), max_size=2) | wrong
    if kind == "map":
        values = _values(shape.value, depth + 1)
        return st.dictionaries(st.text(max_size=3), values, max_size=2) | wrong
    plain: dict[str, st.SearchStrategy[Any]] = {
        "string": st.sampled_from(getattr(shape, "enum", None) or ["m", "dogs", "e", "x" * 300]),
        "integer": st.integers(-1, 101),
        "boolean": st.booleans(),
        "timestamp": st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    }
    return plain.get(kind, st.integers(0, 3)) | wrong


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> LocalApi:
    api = LocalApi(Store(tmp_path_factory.mktemp("state")))
    _register(api, 2)
    _model(api)
    _config(api)
    return api


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_request_is_answered_with_a_fault_of_ours(
    shared_api: LocalApi, operation: str, data: st.DataObject
) -> None:
    shape = service_model().operation_model(operation).input_shape
    members = {name: _values(inner, 1) for name, inner in shape.members.items()}
    needed = {name: members.pop(name) for name in shape.required_members}
    params = data.draw(st.fixed_dictionaries(needed, optional=members))
    try:
        shared_api.call(operation, params)
    except ApiError as error:
        assert error.http_status == 400, error.message
