"""Read the prices of machines from the price file, and refresh it from AWS's price list."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.durable import write_durably
from pipeline.errors import UsageError
from pipeline.given import read_given

PRICE_FILE = Path(__file__).parent / "prices.json"
_LARGEST = 16 * 1024**2  # bytes
COMPONENTS = ("training", "processing", "hosting")

_USAGE = re.compile(r"(?:[A-Z0-9]+-)*(Train|Processing|Host):(ml\.[a-z0-9-]+\.[a-z0-9]+)")
_SERVERLESS = re.compile(r"(?:[A-Z0-9]+-)*(?:ServerlessInf:)?(\w+):Mem-1GB")
_SERVERLESS_OF = {
    "ServerlessInf": "serverless_gb_second",
    "ProvisionedConcurrency": "serverless_ready_gb_second",
}
_COMPONENT_OF = {"Train": "training", "Processing": "processing", "Host": "hosting"}


@dataclass(frozen=True)
class SpotDiscount:
    """The share of the on-demand price that spot machines are taken to save: no list has it."""

    discount: float
    date: str
    source: str


@dataclass(frozen=True)
class StartTimes:
    """How long a job is taken to need before its script runs: no list has it.

    `warm_seconds` is a training's on a machine that was kept for it.
    """

    processing_seconds: float
    training_seconds: float
    warm_seconds: float
    date: str
    source: str


@dataclass(frozen=True)
class Prices:
    """The on-demand list prices of one region on one day.

    `per_hour` is component -> instance type -> price, `per_gb_month` component -> price of disk;
    components are training, processing and hosting. `others`: a minute of CodeBuild's small
    machine, a GB a month in ECR and in S3, a second of a serverless endpoint's GB, and one of a GB
    that is kept ready. `spot` and `starts` are assumptions, and no prices.
    """

    date: str
    region: str
    currency: str
    source: str
    refresh: str
    per_hour: Mapping[str, Mapping[str, float]]
    per_gb_month: Mapping[str, float]
    others: Mapping[str, float] = field(default_factory=dict)
    spot: SpotDiscount | None = None
    starts: StartTimes | None = None


def load_prices(file: Path = PRICE_FILE) -> Prices:
    """Read the price file. Raises UsageError when it cannot be read or is not one."""
    try:
        content = json.loads(read_given(file, _LARGEST))
        spot = SpotDiscount(**content["spot"]) if content.get("spot") else None
        starts = StartTimes(**content["starts"]) if content.get("starts") else None
        prices = Prices(**{**content, "spot": spot, "starts": starts})
        known = [prices.per_hour[name].items() for name in COMPONENTS]
        numbers = [price for pairs in known for _, price in pairs]
        numbers += [prices.per_gb_month[name] for name in COMPONENTS]
        numbers += prices.others.values()
        if starts:
            times = (starts.processing_seconds, starts.training_seconds, starts.warm_seconds)
            numbers += times
        if not all(isinstance(number, int | float) and number >= 0 for number in numbers):
            raise ValueError("a price is not a number")
        if spot and not 0 <= spot.discount < 1:
            raise ValueError("the discount of spot machines is not from 0 to below 1")
    except OSError as error:
        raise UsageError(f"cannot read the prices: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{file} is not a price file: {error}") from error
    return prices


def save_prices(prices: Prices, file: Path = PRICE_FILE) -> None:
    """Write the price file, all of it or none."""
    write_durably(file, (json.dumps(asdict(prices), indent=2) + "\n").encode())


def fetch_prices(client: Any, region: str, date: str, known: Prices) -> Prices:
    """Fetch AWS's price list of a region. `client` is boto3's client of "pricing".

    What the list has no entry for, prices of disks among them, is not made up: disks, and of
    `others` all but serverless, keep their `known` price. Raises UsageError when AWS lists nothing
    for the region, and botocore's errors.
    """
    found: dict[str, dict[str, float]] = {component: {} for component in COMPONENTS}
    currency, others = known.currency, dict(known.others)
    for product in _products(client, region):
        named = product["product"]["attributes"].get("usagetype", "")
        serverless = _SERVERLESS.fullmatch(named)
        name = _SERVERLESS_OF.get(serverless[1]) if serverless else None
        for _, price in _dimensions(product, ("second", "seconds")) if name else ():
            if name and price > 0:  # the first seconds of a new account are free
                others[name] = price
        usage = _USAGE.fullmatch(named)
        for unit_currency, price in _hourly(product) if usage else ():
            if usage and price > 0:
                found[_COMPONENT_OF[usage[1]]][usage[2]] = price
                currency = unit_currency
    if not any(found.values()):
        raise UsageError(f"AWS lists no SageMaker instances in region {region!r}: is it a region?")
    return Prices(
        date=date,
        region=region,
        currency=currency,
        source="AWS Price List API; disks, ECR, S3 and builds as in the price file before",
        refresh=known.refresh,
        per_hour={name: dict(sorted(found[name].items())) for name in COMPONENTS},
        per_gb_month=known.per_gb_month,
        others=others,
        spot=known.spot,
        starts=known.starts,
    )


def _products(client: Any, region: str) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}],
        "FormatVersion": "aws_v1",
    }
    while True:
        page = client.get_products(**request)
        for text in page["PriceList"]:
            product: Mapping[str, Any] = json.loads(text)
            yield product
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _hourly(product: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield from _dimensions(product, ("hrs", "hours"))


def _dimensions(product: Mapping[str, Any], units: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"].lower() in units:
                for currency, price in dimension["pricePerUnit"].items():
                    yield currency, float(price)
