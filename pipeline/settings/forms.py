"""Define what settings are made of: sections, and text that must match a pattern."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A section of settings, frozen and strict: no unknown key, and "5" is not a number."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def form(pattern: str, words: str) -> AfterValidator:
    """Return a validator: the whole text must match `pattern`; `words` say what is wanted."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise PydanticCustomError("form", "{wanted}", {"wanted": words})
        return value

    return AfterValidator(check)


_S3 = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"
ProjectName = Annotated[
    str, form(r"(?=.{1,32}$)[a-z](-?[a-z0-9])*", "a-z, 0-9 and single -, at most 32 characters")
]
InstanceType = Annotated[
    str, form(r"ml\.[a-z0-9-]+\.([a-z]+|[0-9]+xlarge)", "an instance type, as in ml.m5.large")
]
DataUri = Annotated[str, form(rf"{_S3}|file:///.+", "an address, as in s3://bucket/folder")]
Bucket = Annotated[
    str, form(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket: 3 to 63 of a-z, 0-9, - and .")
]
Region = Annotated[str, form(r"[a-z]{2}(-[a-z]+)+-\d", "a region, as in eu-west-1")]
ResourceName = Annotated[
    str, form(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a name: letters, digits and -, at most 63")
]
FunctionName = Annotated[str, form(r"[\w-]{1,64}", "a function's name, at most 64 characters")]
RoleArn = Annotated[
    str, form(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "arn:aws:iam::ACCOUNT:role/NAME")
]
Duration = Annotated[
    str, form(r"P(\d+[DW]|(\d+D)?T\d+[HM])", "a duration, as in P30D (days) or PT12H (hours)")
]
