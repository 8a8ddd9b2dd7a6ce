"""Show versions to people and to programs: a table of many, all about one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.command_line.documents import members_of
from pipeline.command_line.subcommands import print_table
from pipeline.comparing.chosen import Chosen
from pipeline.comparing.differences import NOT_KNOWN, backbone_words, in_short, without_backbone
from pipeline.comparing.measured import metric_value
from pipeline.comparing.view import accuracy_words, chosen_table, unknown_words
from pipeline.registry.documents import version_facts
from pipeline.registry.lineage import card_of
from pipeline.registry.origins import Made
from pipeline.registry.versions import Version

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_STYLES = {"Approved": "green", "Rejected": "red", "PendingManualApproval": "yellow"}
_SHOWN_CLASSES = 10


def versions_table(versions: Sequence[Made]) -> "Table":
    """Build the table of versions, one per row."""
    from pipeline.comparing.listing import Listing

    first = ("Version", "Status", "Accuracy", "Run")
    others = ("Backbone", "Differs in", "Data", "Commit", "Created")
    return Listing(first, others, [_row(made) for made in versions])


def _row(made: Made) -> "list[Text]":
    from rich.text import Text

    version = made.version
    differs = None if made.differs is None else without_backbone(made.differs)
    told = (
        accuracy_words(version.measured),
        version.run or NOT_KNOWN,
        backbone_words(made.chosen),
        in_short(differs),
        version.metadata.get("DataFingerprint", NOT_KNOWN)[:12],
        version.metadata.get("GitCommit", NOT_KNOWN)[:10],
        f"{version.created:%Y-%m-%d %H:%M}",
    )
    status = Text(version.approval, style=_STYLES.get(version.approval, ""))
    return [Text(str(version.number)), status, *map(Text, told)]


def print_version(made: Made, defaults: Chosen | None) -> None:
    """Print all that is known about a version: facts, metrics, settings, its weakest classes."""
    print_table(_facts(made.version))
    print()
    if made.chosen:
        print_table(chosen_table(made.chosen, defaults))
    else:
        print(unknown_words([made.version.measured.name]))
    if classes := _worst_classes(made.version):
        print()
        print_table(classes)


def _facts(version: Version) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    accuracy = accuracy_words(version.measured)
    shown = members_of(version_facts(version)) | {"accuracy": accuracy}
    del shown["interval"]
    for name, value in shown.items():
        table.add_row(name.replace("_", " "), Text(str(value or NOT_KNOWN)))
    if coverage := version.measured.coverage:
        table.add_row("coverage", Text(coverage.summary))
        if coverage.promise:
            table.add_row("promise", Text(coverage.promise.words()))
    if card := card_of(version):
        table.add_row("model card", Text(f"{card.summary} (all of it: --json)"))
    for name, value in _metric_values(version.evaluation).items():
        table.add_row(name.replace("0_5", "0.5").replace("_", " "), f"{value:.4f}")
    return table


def _metric_values(evaluation: Mapping[str, Any]) -> dict[str, float]:
    names = evaluation.get("multiclass_classification_metrics", {})
    found = {name: metric_value(evaluation, name) for name in names if name != "accuracy"}
    return {
        name: value
        for name, value in found.items()
        if value is not None and "constant_classifier" not in name
    }


def _worst_classes(version: Version) -> "Table | None":
    from rich.table import Table
    from rich.text import Text

    metrics = version.evaluation.get("multiclass_classification_metrics", {})
    classes = metrics.get("per_class", {})
    known = {name: facts for name, facts in classes.items() if facts.get("recall") is not None}
    if not known:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("Least recognised classes", overflow="fold")
    table.add_column("Recall", justify="right")
    table.add_column("Pictures", justify="right")
    worst = sorted(known.items(), key=lambda item: item[1]["recall"])[:_SHOWN_CLASSES]
    for name, facts in worst:
        table.add_row(Text(name), _percent(facts["recall"]), str(facts.get("count", NOT_KNOWN)))
    return table


def _percent(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.1%}"
