"""Evaluate debugger rules on the tensors that a finished training saved, for the gate.

    check_tensors.py --tensors DIR --rules Overfit:patience=2,DeadRelu --findings DIR

Writes findings.json.
"""

import argparse
import json
from pathlib import Path

from debugger.findings import debugger_findings
from debugger.plan import read_named
from job.errors import run_job
from job.log import log

FINDINGS_FILE = "findings.json"


def main(arguments: list[str] | None = None) -> None:
    """Run the job; raise JobError for rules or tensors that cannot be read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tensors", type=Path, required=True, help="what the debugger saved")
    parser.add_argument("--rules", required=True, help="the debugger's rules to ask about them")
    parser.add_argument("--findings", type=Path, required=True, help="folder for the result")
    options = parser.parse_args(arguments)
    found = debugger_findings(options.tensors, read_named(options.rules, "--rules"))
    options.findings.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1, allow_nan=False)
    (options.findings / FINDINGS_FILE).write_text(text + "\n", encoding="utf-8")
    log(found["summary"])


if __name__ == "__main__":
    run_job(main)
