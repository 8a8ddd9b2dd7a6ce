"""Define the settings under `card`: what people say of a model, for its card in the registry."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from pipeline.settings.forms import Form, Section

# SageMaker's limits, in characters; and without the one with which steps/card.py marks its places.
Name = Annotated[str, Form(r"[^\x00]{1,1024}", "text of 1 to 1,024 characters")]
Words = Annotated[str, Form(r"[^\x00]{1,2048}", "text of 1 to 2,048 characters")]


class Card(Section):
    """The model card of every version: what no run can know. The rest is filled in by the run."""

    enabled: bool = False
    status: Literal["Draft", "PendingReview", "Approved"] = "PendingReview"
    owner: Name | None = None
    purpose: Words | None = None
    intended_uses: Words | None = None
    limits: Words | None = None
    risk_rating: Literal["High", "Medium", "Low", "Unknown"] = "Unknown"
    risk_reason: Words | None = None
    business_problem: Words | None = None
    stakeholders: Words | None = None
    line_of_business: Words | None = None
    ethics: Words | None = None
    recommendations: Words | None = None


def _none(value: Any) -> Any:
    """Take null for no card."""
    return {} if value is None else value


CardSetting = Annotated[Card, BeforeValidator(_none)]
