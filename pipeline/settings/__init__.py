"""Read pipeline.yaml into typed, frozen settings."""

from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import environments_of, load_settings, overlay_of, parse_override
from pipeline.settings.model import Settings

__all__ = [
    "Settings",
    "SettingsError",
    "environments_of",
    "load_settings",
    "overlay_of",
    "parse_override",
]
