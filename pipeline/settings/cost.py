"""Define the settings under `cost`: how much a run, and a month, may cost at most."""

from typing import Annotated

from pydantic import Field

from pipeline.settings.forms import Section

Amount = Annotated[float, Field(ge=0)]


class Cost(Section):
    """A budget, in the currency of the price list: --check fails when it is exceeded."""

    maximum_per_run: Amount | None = None
    maximum_per_month: Amount | None = None
