"""--set KEY=VALUE: read as people mean it, refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import load_settings, parse_override
from pipeline.settings.model import Settings

ROOT = Path(__file__).parents[3]
FILE = ROOT / "pipeline.yaml"

WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
TEXT = st.text(
    st.characters(categories=("L", "N", "P", "S"), include_characters=" "), max_size=20
).filter(lambda text: "Infinity" not in text)  # the test writes infinite numbers as YAML does
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


class TestOverrides:
    @given(keys=st.lists(WORDS, min_size=1, max_size=4), value=VALUES)
    def test_any_json_value_comes_back_as_it_was(self, keys, value):
        text = json.dumps(value, ensure_ascii=False).replace("Infinity", ".inf")

        assert parse_override(f"{'.'.join(keys)}={text}") == (tuple(keys), value)

    @given(text=st.text())
    def test_any_other_text_is_an_error_of_one_line_or_a_value(self, text):
        try:
            keys, _ = parse_override(text)
        except SettingsError as error:
            assert str(error).startswith("--set ")
        else:
            assert all(keys)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1e-3", 0.001),
            ("1E5", 100000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-3", -3),
            ("0", 0),
            ("007", "007"),
            ("off", "off"),
            ("no", "no"),
            ("true", True),
            ("null", None),
            ("", None),
            ("2026-01-02", "2026-01-02"),
            ("12:30", "12:30"),
            ("1_000", "1_000"),
            ("[SGD, 1e-3]", ["SGD", 0.001]),
            ("s3://bucket/a=b", "s3://bucket/a=b"),
        ],
    )
    def test_values_are_read_as_people_mean_them(self, text, value):
        assert parse_override(f"a.b={text}") == (("a", "b"), value)

    @given(
        keys=st.sampled_from(
            [
                (section, key)
                for section, values in yaml.safe_load(FILE.read_text()).items()
                if isinstance(values, dict) and section != "environments"
                for key in values
            ]
        ),
        value=VALUES,
    )
    def test_any_value_at_any_setting_is_taken_or_refused_in_lines(self, keys: Any, value: Any):
        text = json.dumps(value, ensure_ascii=False).replace("Infinity", ".inf")
        try:
            settings = load_settings(FILE, None, [f"{'.'.join(keys)}={text}"])
        except SettingsError as error:
            assert all(": " in line for line in str(error).splitlines())
        else:
            assert isinstance(settings, Settings)
