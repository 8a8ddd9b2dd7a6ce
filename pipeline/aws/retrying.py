"""Repeat calls until AWS answers: throttling and lost connections pass."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.errors import explain, is_transient, message_of
from pipeline.aws.timing import Timing

_FIRST_S = 5.0
_LONGEST_S = 300.0

Result = TypeVar("Result")


class Patience:
    """A caller that repeats with growing waits, for hours if need be; it says so once an outage."""

    def __init__(self, timing: Timing, say: Callable[[str], None]) -> None:
        self.timing = timing
        self._say = say

    def __call__(self, doing: str, call: Callable[[], Result]) -> Result:
        """Return what `call` answers. Raises UsageError, AwsError where waiting does not help."""
        said = False
        pauses = self.timing.pauses(_FIRST_S, _LONGEST_S)
        while True:
            try:
                answer = call()
            except (ClientError, BotoCoreError) as error:
                if not is_transient(error):
                    raise explain(error, doing) from error
                if not said:
                    self._say(f"AWS cannot be asked just now ({message_of(error)}): trying again")
                    said = True
                self.timing.sleep(next(pauses))
            else:
                if said:
                    self._say("AWS answers again")
                return answer
