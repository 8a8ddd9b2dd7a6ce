"""Format as Markdown what a model was measured to know of what it does not know."""

from collections.abc import Mapping
from typing import Any

from benchmarks import explaining
from benchmarks.figures import markdown_table

Result = Mapping[str, Any]
_OURS = "relative Mahalanobis, 64 directions"
_FLIPPED = {"random": "any class", "similar": "the class most alike"}
_SCORE = {
    "near AUROC": ("near", ".3f"),
    "far AUROC": ("far", ".3f"),
    "known refused": ("known_refused", ".1%"),
    "near found": ("near_refused", ".1%"),
    "far found": ("far_refused", ".1%"),
}


def unknown(part: Result) -> str:
    """Format what each score tells apart: a table a backbone, and what serving it costs."""
    return "\n\n".join(_scores(one) for one in part["backbones"])


def _scores(one: Result) -> str:
    rows = [
        (
            f"**{name}**" if name == _OURS else name,
            *(format(found[key], form) for key, form in _SCORE.values()),
        )
        for name, found in one["scores"].items()
    ]
    serving, kept = one["serving"], one["promises"]
    times = serving["p50_cpu_ms"]
    shown = [point["kept"] for point in kept["at_80_percent"]]
    grown = serving["known_bytes"] / serving["artifact_bytes"]
    said = (
        f"Promises at 80 % coverage kept in {sum(shown)} of {len(shown)} seeds, of all points "
        f"{kept['kept']} of {kept['of']}. With the score p50 takes {times['with']:.2f} ms of CPU, "
        f"without {times['without']:.2f}; the artifact grows by {grown:.1%}."
    )
    return f"{markdown_table((one['backbone'], *_SCORE), rows)}\n\n{said}"


def why(part: Result) -> str:
    """Format what it costs that answers can be explained."""
    rows = [
        (
            one["backbone"],
            f"{one['p50_ms']['before']:.2f}",
            *(f"{ratio:.3f}" for ratio in explaining.ratios(one).values()),
            f"{explaining.growth(one) - 1:+.1%}",
        )
        for one in part["backbones"]
    ]
    asked = (f"{name} / before" for name in explaining.MOST)
    return markdown_table(("p50 of a JPEG", "before, ms", *asked, "artifact"), rows)


def labels(part: Result) -> str:
    """Format how many wrong labels and copies the review finds, and in what time."""
    found = part["labels"]
    rows = [
        (
            f"to {_FLIPPED[name]}",
            f"{share:.1%}",
            f"{found['named'][name]:.0f}",
            f"{found['named_rightly'][name]:.0%}",
        )
        for name, share in found["found"].items()
    ]
    rows += [("none", "", str(found["named_without_flips"]), "")]
    first = f"among the first {found['flipped']}"
    header = ("labels made wrong", first, "named as probably wrong", "of those made wrong")
    copies = [(name, f"{share:.1%}") for name, share in found["copies"].items()]
    said = (
        f"{found['pictures']:,} pictures; of 1,000 others {1000 * found['false_copies']:.2f} were "
        f"taken for copies. CPU seconds: {found['label_seconds']:.2f} for labels, "
        f"{found['copy_seconds']:.2f} for copies."
    )
    tables = (markdown_table(header, rows), markdown_table(("copies", "found"), copies), said)
    return "\n\n".join(tables)


def drift(part: Result) -> str:
    """Format how soon a change is raised, and how often nothing is."""
    found = part["drift"]
    rows = [
        (name, *(f"{share:.0%}" for share in shares)) for name, shares in found["raised"].items()
    ]
    table = markdown_table(("raised of the draws of", *map(str, found["sizes"])), rows)
    return (
        f"{table}\n\n{found['false_alarms']} false alarms in {found['checks']:,} checks of "
        f"{found['sizes'][-1]} undisturbed pictures with {found['reference']:,} others."
    )


KNOWING = {"unknown": unknown, "explaining": why, "labels": labels, "drift": drift}
