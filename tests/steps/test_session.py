"""The session that the steps are built with."""

import pytest

from steps.session import AwsCalledWhileCompiling, offline_session

pytestmark = pytest.mark.xdist_group("sdk")


def test_it_knows_its_region():
    assert offline_session("eu-west-1", "mine").boto_region_name == "eu-west-1"


def test_it_reaches_nothing():
    session = offline_session("eu-west-1", "mine")

    with pytest.raises(AwsCalledWhileCompiling, match=r"sagemaker\.list_pipelines"):
        session.sagemaker_client.list_pipelines()
