"""The rules by which a study counts, as one value: handed on as it is, and changed in one place."""

from dataclasses import dataclass, field, replace
from numbers import Real

from durability_utils.study.errors import InputError
from durability_utils.study.measures import SHARES, THRESHOLDS, Measure

ANXIETY_RULES = ("adsm_else_gad7", "gad7")
RELAPSE_RULES = ("reliable_change", "more_than_5_points")
MORE_THAN_5 = 6                                   # in whole points, as PHQ-9 and GAD-7 have them
SETTINGS = {"carry_back": (True, False), "anxiety_measure": ANXIETY_RULES, "relapse": RELAPSE_RULES}


@dataclass(frozen=True)
class Rules:
    """What decides an outcome: the measures with their thresholds, and four settings of the study file.

    `measures` by name, in the order of `parameters/measures.yaml`. `anxiety_measure`: one of ANXIETY_RULES.
    `carry_back`: whether a 12-month answer takes the place of a missing 6-month one. `relapse`: one of RELAPSE_RULES.
    `origin`: the rules as they were before `changed`; two rules are equal where they count alike, wherever they come
    from.
    """

    measures: dict[str, Measure]
    anxiety_measure: str
    carry_back: bool
    minimum_sessions: int
    relapse: str = RELAPSE_RULES[0]
    origin: "Rules | None" = field(default=None, compare=False, repr=False)

    depression = property(lambda self: self._of("depression")[0], doc="The measure of depression (PHQ-9).")
    anxiety = property(lambda self: self._of("anxiety")[0], doc="The measure of anxiety that everybody has (GAD-7).")
    pair = property(lambda self: (self.depression, self.anxiety), doc="The two measures that everybody has: a tuple.")
    adsms = property(lambda self: [measure.name for measure in self._of("disorder_specific")],
                     doc="The names of the measures that can be a patient's relevant anxiety-disorder specific one.")
    deciding = property(lambda self: {each.name: each for each in (*self.pair, *self._of("disorder_specific"))},
                        doc="The measures that can decide an outcome, by name: the pair, and those of one disorder.")

    def relapse_increase(self, measure: Measure) -> float:
        """The least increase since end of treatment, in points, that counts as a relapse on this measure."""
        return measure.reliable_change if self.relapse == RELAPSE_RULES[0] else MORE_THAN_5

    def on_pair(self) -> "Rules":
        """The same rules with the pair of measures for everybody, whatever ADSM a patient has."""
        return replace(self, anxiety_measure="gad7", origin=self.origin and self.origin.on_pair())

    def changed(self, measure: str | None = None, **values) -> "Rules":
        """The rules with other thresholds of one measure (points; reliability 0 to 1), or without one other settings.

        As in `rules.changed("PHQ-9", reliable_change=5)` and `rules.changed(carry_back=False)`. Raises InputError for a
        measure or a threshold that there is not, and for a value that can be none.
        """
        if measure is None:
            for key, value in values.items():
                allowed = SETTINGS.get(key)
                if allowed is None:
                    raise InputError(f"rules: found {key!r}, expected {', '.join(SETTINGS)}, or a measure first")
                if type(value) is not type(allowed[0]) or value not in allowed:  # 1 is no true
                    raise InputError(f"rules: {key}: found {value!r}, expected {' or '.join(map(str, allowed))}")
            return replace(self, **values, origin=self.origin or self)
        if measure not in self.measures:
            raise InputError(f"thresholds: found {measure!r}, expected one of {', '.join(self.measures)}")
        for key, value in values.items():
            if key not in THRESHOLDS:
                raise InputError(f"thresholds: {measure}: found {key!r}, expected one of {', '.join(THRESHOLDS)}")
            most, unit = (1, "") if key in SHARES else (self.measures[measure].maximum, " points")
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= most:
                raise InputError(f"thresholds: {measure}: {key}: found {value!r}, expected a number above 0, "
                                 f"at most {most:g}{unit}")
        return replace(self, measures=self.measures | {measure: replace(self.measures[measure], **values)},
                       origin=self.origin or self)

    @property
    def note(self) -> str:
        """What has been changed, for a caption: `PHQ-9 reliable change 5, not 6.`; nothing where nothing has."""
        origin = self.origin or self
        pairs = [(f"{name} {key.replace('_', ' ')}", getattr(measure, key), getattr(origin.measures[name], key))
                 for name, measure in self.measures.items() for key in THRESHOLDS]
        pairs += [(key.replace("_", " "), getattr(self, key), getattr(origin, key)) for key in SETTINGS]
        said = [f"{words} {_shown(now)}, not {_shown(before)}" for words, now, before in pairs if now != before]
        return f"{'; '.join(said)}." if said else ""

    def _of(self, role: str) -> list[Measure]:
        return [measure for measure in self.measures.values() if measure.role == role]


def _shown(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else "none" if value is None else str(value)
