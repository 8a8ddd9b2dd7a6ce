"""AWS's Java expressions, and what Python makes of them."""

import pytest
from botocore.loaders import Loader

from pipeline.service_patterns import compile_pattern

# Python cannot say these: surrogates, and Unicode's marks, symbols and punctuation.
BEYOND = (r"\p{M}", r"\p{S}", r"\p{P}", r"\uD800")


def test_every_pattern_of_the_service_compiles_or_is_known_to_be_beyond_python() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"].values()
    patterns = {shape["pattern"] for shape in shapes if "pattern" in shape}
    assert len(patterns) > 200
    for pattern in patterns:
        beyond = any(part in pattern for part in BEYOND)
        assert (compile_pattern(pattern) is None) == beyond, pattern


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}", "Größe 1/2", "a*b"),
        (r"arn:[\p{Alnum}\-]+:lambda:.*", "arn:aws-cn:lambda:x", "arn:a_b:lambda:x"),
        (r"^(https|s3)://([^/]+)/?(.*)$", "s3://bucket/a", "s3:/bucket"),
        (r"(?!\s*$).+", "a", "  "),
        (r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a--b", "-a"),
    ],
)
def test_a_pattern_is_matched_as_a_whole(pattern: str, right: str, wrong: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    assert compiled.fullmatch(right)
    assert not compiled.fullmatch(wrong)
