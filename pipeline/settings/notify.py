"""Define the settings under `notify`: who hears of what needs a person."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.settings.forms import Form, Section

MOST_EMAILS = 5  # each is a parameter's place in infra/template.yaml
_EMAIL = r"[\w.%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
Email = Annotated[str, Form(_EMAIL, "an e-mail address, as in me@example.org")]
Webhook = Annotated[str, Form(r"https://[!-+\--~]{1,500}", "an address that begins with https://")]
_TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}"
TopicArn = Annotated[str, Form(_TOPIC, "arn:aws:sns:REGION:ACCOUNT:NAME, which is not FIFO")]


class Notify(Section):
    """Who hears of failed runs, versions to approve, rollbacks and alarms."""

    emails: Annotated[tuple[Email, ...], Field(strict=False, max_length=MOST_EMAILS)] = ()
    webhook: Webhook | None = None
    topic_arn: TopicArn | None = None

    @property
    def is_on(self) -> bool:
        """Whether anybody hears."""
        return bool(self.emails or self.webhook or self.topic_arn)


def _nobody(value: Any) -> Any:
    """Take null for nobody."""
    return {} if value is None else value


NotifySetting = Annotated[Notify, BeforeValidator(_nobody)]
