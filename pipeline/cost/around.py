"""Price what settings make besides the runs: production, the serving image, storage."""

from collections.abc import Iterable, Iterator

from pipeline.assets.serving_image import CPU, image_kind, repository_name
from pipeline.cost.lines import MONTH_HOURS, CostLine
from pipeline.cost.prices import Prices
from pipeline.settings.model import Settings

_BUILD_MINUTES = 60  # TimeoutInMinutes of ImageBuild in infra/template.yaml
_CPU_IMAGE_GB = 0.4  # at most, as its test holds it


def month_lines(settings: Settings, prices: Prices) -> Iterator[CostLine]:
    """Yield what is paid by the month once a version is approved."""
    production = settings.deploy.production
    name, machine = settings.production_endpoint_name, production.instance_type
    price, scaling = prices.per_hour["hosting"].get(machine), production.autoscaling
    count = scaling.min_instances if scaling.enabled else production.instance_count
    what = f"endpoint {name}: {machine} x {count}"
    if price is None:
        what += f": {machine} is not in the hosting prices of {prices.region}"
    yield CostLine("Approval", what, None if price is None else price * count * MONTH_HOURS)
    if settings.serving.image is None:
        yield _stored_image(settings, prices)
    what = "each GB of pictures, features and models"
    yield CostLine("Bucket", what, prices.others.get("s3_gb_month"))


def check_lines(settings: Settings, once: Iterable[CostLine]) -> Iterator[CostLine]:
    """Yield what the scheduled checks cost a month at most; `once` is what one of them costs."""
    times = settings.monitor.runs_a_month
    for line in once:
        amount = None if line.amount is None else line.amount * times
        yield CostLine(line.step, f"{times:.3g} times {line.what}", amount)


def month_at_most(settings: Settings, prices: Prices) -> float | None:
    """Return what production's further instances cost a month when it is busy all the time."""
    production = settings.deploy.production
    scaling, price = (
        production.autoscaling,
        prices.per_hour["hosting"].get(production.instance_type),
    )
    if not scaling.enabled or price is None:
        return None
    return price * (scaling.max_instances - scaling.min_instances) * MONTH_HOURS


def first_lines(settings: Settings, prices: Prices) -> Iterator[CostLine]:
    """Yield what is paid once, by the first upsert and by each that changes the server."""
    if settings.serving.image is None:
        what = f"build of the serving image, at most {_BUILD_MINUTES} min"
        minute = prices.others.get("build_minute")
        yield CostLine("Upsert", what, None if minute is None else minute * _BUILD_MINUTES)


def _stored_image(settings: Settings, prices: Prices) -> CostLine:
    what = f"an image in {repository_name(settings)}"
    price = prices.others.get("ecr_gb_month")
    if image_kind(settings) != CPU or price is None:
        return CostLine("Upsert", f"{what}: its size or price is not known", None)
    return CostLine("Upsert", f"{what}: at most {_CPU_IMAGE_GB:g} GB", price * _CPU_IMAGE_GB)
