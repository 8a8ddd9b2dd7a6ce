"""Register in the definition."""

import pytest

from pipeline.version import VERSION

pytestmark = pytest.mark.xdist_group("sdk")


def test_a_version_knows_where_it_came_from(step):
    register = step("Register")

    assert register["Type"] == "RegisterModel"
    assert register["Arguments"]["CustomerMetadataProperties"] == {
        "GitCommit": {"Get": "Parameters.GitCommit"},
        "PipelineVersion": VERSION,
        "DataFingerprint": {
            "Std:JsonGet": {
                "PropertyFile": {"Get": "Steps.Prepare.PropertyFiles.Dataset"},
                "Path": "fingerprint",
            }
        },
        "TrainingJob": {"Get": "Steps.Train.TrainingJobName"},
        "Report": {
            "Std:Join": {
                "On": "/",
                "Values": [
                    "s3://dog-breeds-111122223333-us-east-1/runs",
                    {"Get": "Execution.PipelineExecutionId"},
                    "report",
                    "report.html",
                ],
            }
        },
    }
    assert register["Arguments"]["ModelApprovalStatus"] == {"Get": "Parameters.ModelApprovalStatus"}


def test_a_version_carries_its_metrics(step):
    metrics = step("Register")["Arguments"]["ModelMetrics"]

    assert list(metrics) == ["ModelQuality"]
    statistics = metrics["ModelQuality"]["Statistics"]
    assert statistics["ContentType"] == "application/json"
    assert statistics["S3Uri"]["Std:Join"]["Values"][1] == "evaluation.json"


def test_the_container_serves_the_artifacts_own_code(step):
    specification = step("Register")["Arguments"]["InferenceSpecification"]
    (container,) = specification["Containers"]

    assert container["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    own = "111122223333.dkr.ecr.us-east-1.amazonaws.com/dog-breeds-serving:cpu-"
    assert container["Image"].startswith(own)
    assert specification["SupportedContentTypes"][-1] == "application/json"
    assert specification["SupportedResponseMIMETypes"] == ["application/json", "text/csv"]


def test_a_gpu_endpoint_gets_the_gpu_image(step):
    arguments = step(
        "Register", "deploy.instance_type=ml.g5.xlarge", "deploy.staging.type=realtime"
    )["Arguments"]

    assert ":cuda-" in arguments["InferenceSpecification"]["Containers"][0]["Image"]
