"""The template as bootstrap makes it of pipeline.yaml."""

import pytest

from pipeline.settings.model import Settings
from tests.infra.template_support import Template, settings_with, template_for


@pytest.fixture(scope="module")
def settings() -> Settings:
    return settings_with()


@pytest.fixture(scope="module")
def template(settings: Settings) -> Template:
    return template_for(settings)
