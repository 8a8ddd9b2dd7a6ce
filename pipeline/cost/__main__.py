"""Price a run of any definition, offline; refresh the prices: python -m pipeline.cost."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import (
    add_json_option,
    add_parameter_option,
    parser,
    run_command,
)
from pipeline.cost.prices import PRICE_FILE, fetch_prices, load_prices, save_prices
from pipeline.given import given_path

_EXAMPLES = """\
  python -m pipeline.cost definition.json
  python -m pipeline.cost definition.json --parameter TuningMaxJobs=40
  python -m pipeline.cost --refresh                    needs pricing:GetProducts
  python -m pipeline.cost --refresh --region eu-west-1"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Price a definition file, or refresh the price file."""
    options = parsers()[""].parse_args(arguments)
    if options.refresh:
        done = _refresh(options.region, options.prices)
        print(json_text(done) if options.json else done.summary())
        return 0
    from pipeline.check.document import read_definition
    from pipeline.cost.estimate import estimate, estimate_json, estimate_text
    from pipeline.definition.given_parameters import parse_parameters

    values = parse_parameters(options.parameter)
    cost = estimate(read_definition(options.definition), values, load_prices(options.prices))
    print(estimate_json(cost) if options.json else estimate_text(cost))
    return 0


@dataclass(frozen=True)
class Refreshed:
    """A price file that was fetched anew: how many prices it has, and how many old ones differ."""

    file: Path
    region: str
    date: str
    prices: int
    changed: int

    def summary(self) -> str:
        """Describe it in one line for people."""
        return (
            f"{self.file.name}: {self.prices} prices of {self.region}, {self.date}; "
            f"{self.changed} of the old ones differ"
        )


def refresh_prices(client: Any, region: str, date: str, file: Path = PRICE_FILE) -> Refreshed:
    """Update the price file and say what changed. Raises UsageError, botocore's errors."""
    old = load_prices(file)
    new = fetch_prices(client, region, date, old)
    save_prices(new, file)
    changed = sum(
        new.per_hour[component].get(name) != price
        for component, prices in old.per_hour.items()
        for name, price in prices.items()
    )
    count = sum(map(len, new.per_hour.values()))
    return Refreshed(file, region, date, count, changed)


def _refresh(region: str, file: Path) -> Refreshed:
    import boto3

    from pipeline.aws.errors import explained

    with explained("reading AWS's price list"):
        # The price list is only served in a few regions; this one has all of them.
        client = boto3.client("pricing", region_name="us-east-1")
        return refresh_prices(client, region, datetime.now(UTC).date().isoformat(), file)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser("pipeline.cost", "Prices a pipeline definition, offline.", _EXAMPLES)
    action = result.add_mutually_exclusive_group(required=True)
    action.add_argument(
        "definition", nargs="?", type=given_path, metavar="FILE", help="a definition"
    )
    action.add_argument("--refresh", action="store_true", help="fetch prices into prices.json")
    region = "with --refresh: whose prices"
    result.add_argument("--region", default="us-east-1", metavar="NAME", help=region)
    help_ = "the prices (default: pipeline/cost/prices.json)"
    result.add_argument("--prices", type=given_path, default=PRICE_FILE, metavar="FILE", help=help_)
    add_parameter_option(result)
    add_json_option(result)
    return {"": result}


if __name__ == "__main__":
    sys.exit(run_command(main))
