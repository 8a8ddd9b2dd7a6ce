"""Say what to try about a finding, as a command that can be copied: one table for all findings.

Debugger rules and profiler findings bring settings of their own; what the changes bring was
measured: docs/better-accuracy.md.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline.comparing.chosen import NO_WEIGHTS, Chosen
from pipeline.report.commanded import makes_another_run, setting_of

PAGE = "docs/better-accuracy.md"
FIRST_RUN = "python -m pipeline.run --local"
ON_AWS = "python -m pipeline.run --upsert --start --wait"
_INSTANCES = "instances."  # settings that only AWS knows
# A setting that has this value or more already is not advised; or this value or less.
_MORE = (
    *("features.views", "training.fine_tune_blocks", "training.label_smoothing"),
    *("tuning.max_jobs", "tuning.ranges.lr.min"),
)
_LESS = ("training.epochs", "tuning.ranges.lr.max")
# What a backbone is exchanged for the advised one of: any other knows as much, or more.
_WEAK = ("alexnet", "mnasnet0_5", "shufflenet_v2_x0_5", "squeezenet1_0", "squeezenet1_1")


@dataclass(frozen=True)
class Advice:
    """What mends a finding: settings to try, the best first, or `words` about what is no setting.

    Each of `tries` is `key=value` settings that belong together; the first that changes something
    is advised, with `before` in front. `words` may name {what}.
    """

    words: str = ""
    tries: tuple[tuple[str, ...], ...] = ()
    before: str = "try"


@dataclass(frozen=True)
class Attempt:
    """A command to try, and the words before it."""

    words: str
    command: str

    def __str__(self) -> str:
        return f"{self.words}: {self.command}"


_WEIGHTS = ("backbone.name=mobilenet_v2", "backbone.weights=imagenet")
_VIEWS = ("features.views=4",)
_SMOOTHING = ("training.label_smoothing=0.1",)
_BY_LOSS = ("tuning.objective=best:valid_loss",)
_SLOWER = ("tuning.ranges.lr.max=0.001",)
_MORE_PICTURES = "more pictures of {what}, then"

# Finding -> advice. The tests read every setting as the command would.
ADVICE: Mapping[str, Advice] = {
    "step failed": Advice("mend what it says, then"),
    "accuracy too low": Advice(
        _MORE_PICTURES,
        (_WEIGHTS, ("training.fine_tune_blocks=1",), _VIEWS, _SMOOTHING),
    ),
    "worse than the champion": Advice(_MORE_PICTURES, (_VIEWS, _BY_LOSS, _SMOOTHING)),
    "few test pictures": Advice(
        "more test pictures, then",
        (("data.split={train: 0.6, valid: 0.1, test: 0.3}",),),
        "more test pictures, or of pictures that are not split yet",
    ),
    "class never right": Advice(_MORE_PICTURES),
    "classes confused": Advice(_MORE_PICTURES),
    "confidence off": Advice("", (_BY_LOSS,)),
    "loss no number": Advice("", (_SLOWER,)),
    "learned by heart": Advice(_MORE_PICTURES, (_VIEWS, _SMOOTHING)),
    "test in train": Advice(
        "remove them from one side, then",
        (("data.test_in_train=fail",),),
        "remove them from one side; this ends a run that still has such",
    ),
    "in two classes": Advice("remove the wrong copies, then"),
    "same pixels": Advice("keep one of each, then"),
    "refused files": Advice("mend or remove them, then"),
    "trials failed": Advice("", (_SLOWER,)),
    "trials alike": Advice("", (_BY_LOSS,)),
    "debugging lost": Advice("", (("debugger.save_interval=1000",),)),
    "rule could not judge": Advice("", (("debugger.save_interval=25",),)),
}


@dataclass(frozen=True)
class Adviser:
    """Advises changes of a run, by its command line and the settings it had.

    `settings` has those that its definition tells.
    """

    command: str = FIRST_RUN
    settings: Mapping[str, str] = field(default_factory=dict)

    def about(self, finding: str, what: str = "each class") -> Attempt:
        """Return what to try about a finding of ADVICE; `what` is what there is too little of."""
        advice = ADVICE[finding]
        return self.advise(advice.tries, advice.words.replace("{what}", what), advice.before)

    def advise(
        self, tries: Sequence[Sequence[str]], words: str = "", before: str = "try"
    ) -> Attempt:
        """Return the first of the tries that changes something, else the words with no change."""
        for settings in tries:
            new = any(not self._has(setting) for setting in settings)
            if new and makes_another_run(self.command, settings):
                return Attempt(before, self._with(settings))
        return Attempt(words or f"see {PAGE}, then", self.command)

    def _has(self, setting: str) -> bool:
        key, _, value = setting.partition("=")
        now = self.settings.get(key) or setting_of(self.command, key) or ""
        if now == value or (key == "backbone.name" and now and now not in _WEAK):
            return True
        try:
            difference = float(now) - float(value)
        except ValueError:
            return False
        return (key in _MORE and difference >= 0) or (key in _LESS and difference <= 0)

    def _with(self, settings: Sequence[str]) -> str:
        """Return the command with these settings in the place of its own of the same keys."""
        keys = [setting.partition("=")[0] for setting in settings]
        words = list(_without(shlex.split(self.command), keys))
        if "--local" in words and all(key.startswith(_INSTANCES) for key in keys):
            words = [*shlex.split(ON_AWS), *_overrides(words)]
        return shlex.join([*words, *(part for setting in settings for part in ("--set", setting))])


def _without(words: Sequence[str], keys: Sequence[str]) -> Iterator[str]:
    """Yield a command's words but for its --set of these keys, in either way to write one."""
    rest = iter(words)
    for word in rest:
        if word == "--set":
            setting = next(rest, "")
            if setting.partition("=")[0] not in keys:
                yield from (word, setting)
        elif word.removeprefix("--set=").partition("=")[0] not in keys:
            yield word


def _overrides(words: Sequence[str]) -> Iterator[str]:
    for word, following in pairwise([*words, ""]):
        if word == "--set":
            yield from (word, following)
        elif word.startswith("--set="):
            yield word


def settings_of(run: Chosen) -> dict[str, str]:
    """Return the settings of a run, as `key` and text.

    Any pretrained weights count as ImageNet's: what matters is that there are some.
    """
    weights = run.values.get("backbone.weights", NO_WEIGHTS)
    return {**run.values, "backbone.weights": weights if weights == NO_WEIGHTS else "imagenet"}
