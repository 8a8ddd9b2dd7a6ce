"""Pipelines, executions, steps and jobs, as the operations show what runs left."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store
from tests.pipeline.local.service.api_support import PREFIX, ROLE, refused


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
        assert "must be unique" in refused(api, "CreatePipeline", **again).message
        bad = refused(api, "UpdatePipeline", PipelineName="dogs", PipelineDefinition="{")
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

    def test_runs_from_before_the_account_was_set_are_still_listed(
        self, api: LocalApi, store: Store
    ) -> None:
        arn = "arn:aws:sagemaker:eu-west-1:444455556666:pipeline/dogs"
        pipeline = store.get("Pipeline", "dogs")
        assert pipeline
        store.put("Pipeline", "dogs", pipeline | {"PipelineArn": arn}, arn=arn)
        listed = api.call("ListPipelineExecutions", {"PipelineName": "dogs"})
        (summary,) = listed["PipelineExecutionSummaries"]
        assert summary["PipelineExecutionArn"] == self.EXECUTION

    def test_runs_of_another_pipeline_are_not_listed(self, api: LocalApi) -> None:
        cats = {"PipelineName": "cats", "PipelineDefinition": "{}", "RoleArn": ROLE}
        api.call("CreatePipeline", cats)
        listed = api.call("ListPipelineExecutions", {"PipelineName": "cats"})
        assert listed["PipelineExecutionSummaries"] == []

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
        document = {"ProcessingJobArn": "arn:p", "ProcessingJobStatus": "Done"}
        store.put("ProcessingJob", "p", {"ProcessingJobName": "p"} | document)
        error = refused(api, "DescribeProcessingJob", ProcessingJobName="p")
        assert (error.code, error.http_status) == ("InternalFailure", 500)
        assert "'processingJobStatus'" in error.message
