"""FindChampion in the definition."""

import pytest

from pipeline.assets.code_bundle import bundles_of
from pipeline.settings.loading import load_settings
from steps.champion import OUTPUTS
from tests.steps.conftest import FIXED, ROOT

pytestmark = pytest.mark.xdist_group("sdk")

NOT_COMPARED = "gate.champion_tolerance=null"


def test_the_registry_is_asked_for_this_group_and_no_step_is_waited_for(step):
    champion = step("FindChampion", "registry.group=breeds")
    bundle = bundles_of(load_settings(ROOT / "pipeline.yaml", "local", FIXED), ROOT)["no-champion"]

    assert champion == {
        "Name": "FindChampion",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:dog-breeds-find-champion",
        "Arguments": {
            "model_package_group": "breeds",
            "no_champion_uri": bundle.uri,
            "production_endpoint": "dog-breeds-production",
        },
        "OutputParameters": [{"OutputName": name, "OutputType": "String"} for name in OUTPUTS],
    }


def test_where_there_is_none_a_folder_with_something_in_it_is_uploaded():
    bundle = bundles_of(load_settings(ROOT / "pipeline.yaml", "local", FIXED), ROOT)["no-champion"]
    objects = dict(bundle.objects())

    assert objects
    assert all(uri.startswith(f"{bundle.uri}/") and content for uri, content in objects.items())
    assert not any(uri.endswith(".tar.gz") for uri in objects)


def test_switched_off_nothing_of_it_is_left(compiled):
    assert "hampion" not in str(compiled(NOT_COMPARED))
    settings = load_settings(ROOT / "pipeline.yaml", "local", [*FIXED, NOT_COMPARED])
    assert "no-champion" not in bundles_of(settings, ROOT)
