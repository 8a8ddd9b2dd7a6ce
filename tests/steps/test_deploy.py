"""Deploy in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def test_the_lambda_is_called_with_exactly_the_version_just_registered(step):
    deploy = step("Deploy", "deploy.instance_count=2")

    assert deploy["FunctionArn"] == (
        "arn:aws:lambda:us-east-1:111122223333:function:dog-breeds-deploy-endpoint"
    )
    assert deploy["Arguments"] == {
        "model_package_arn": {"Get": "Steps.Register.ModelPackageArn"},
        "endpoint_name": {"Get": "Parameters.EndpointName"},
        "instance_type": {"Get": "Parameters.EndpointInstanceType"},
        "instance_count": 2,
        "role_arn": "arn:aws:iam::111122223333:role/dog-breeds-serving",
    }
    assert [one["OutputName"] for one in deploy["OutputParameters"]] == [
        "endpoint_name",
        "endpoint_config_name",
        "model_name",
        "action",
    ]
