"""Define what settings are made of: sections, and text that must match a pattern."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema


class Section(BaseModel):
    """A section of settings, frozen and strict: no unknown key, and "5" is not a number."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Form:
    """A type's annotation: the whole text must match `pattern`; `words` say what is wanted."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the text after its own type was."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Give the words to whoever describes the settings."""
        return {**handler(schema), "form": self.words}

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value, re.ASCII) is None:
            raise PydanticCustomError("form", "{wanted}", {"wanted": self.words})
        return value


@dataclass(frozen=True)
class OneOf:
    """A type's annotation: a Literal whose words are only read when a value is checked."""

    words: Callable[[], tuple[str, ...]]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the value as a Literal would."""
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Give the words to whoever describes the settings."""
        return {"enum": list(self.words()), "type": "string"}

    def _check(self, value: object) -> object:
        words = self.words()
        if value not in words:
            expected = " or ".join(repr(word) for word in words)
            raise PydanticKnownError("literal_error", {"expected": expected})
        return value


_S3 = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"
ProjectName = Annotated[
    str, Form(r"(?=.{1,32}$)[a-z](-?[a-z0-9])*", "a-z, 0-9 and single -, at most 32 characters")
]
InstanceType = Annotated[
    str, Form(r"ml\.[a-z0-9-]+\.([a-z]+|[0-9]+xlarge)", "an instance type, as in ml.m5.large")
]
DataUri = Annotated[str, Form(rf"{_S3}|file:///.+", "an address, as in s3://bucket/folder")]
Bucket = Annotated[
    str, Form(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket: 3 to 63 of a-z, 0-9, - and .")
]
Region = Annotated[str, Form(r"[a-z]{2}(-[a-z]+)+-\d", "a region, as in eu-west-1")]
ImageUri = Annotated[
    str, Form(r"[!-~]{1,255}", "an image's address, without white space, at most 255 characters")
]
ResourceName = Annotated[
    str, Form(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a name: letters, digits and -, at most 63")
]
FunctionName = Annotated[str, Form(r"[\w-]{1,64}", "a function's name, at most 64 characters")]
RoleArn = Annotated[
    str, Form(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "arn:aws:iam::ACCOUNT:role/NAME")
]
KmsKeyArn = Annotated[
    str,
    Form(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-)?[0-9a-f-]{32,36}",
        "the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID (volumes and roles take no alias)",
    ),
]
Duration = Annotated[
    str, Form(r"P(\d+[DW]|(\d+D)?T\d+[HM])", "a duration, as in P30D (days) or PT12H (hours)")
]
