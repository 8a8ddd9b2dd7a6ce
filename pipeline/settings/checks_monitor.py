"""Check what no type can say about the settings under `monitor`."""

from collections.abc import Callable, Iterator

from pipeline.settings.errors import Problem
from pipeline.settings.model import Settings


def there_is_something_to_monitor(settings: Settings) -> Iterator[Problem]:
    """Check that production captures what it is asked about, and that its model has features."""
    if not settings.monitor.enabled:
        return
    if not settings.deploy.production.data_capture.enabled:
        what = "needs deploy.production.data_capture.enabled: nothing else keeps the pictures"
        yield Problem(("monitor", "enabled"), what)
    if settings.serving.graph == "none":
        what = "needs serving.graph onnx: pictures are compared by the features of that graph"
        yield Problem(("monitor", "enabled"), what)


MONITOR_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    there_is_something_to_monitor,
)
