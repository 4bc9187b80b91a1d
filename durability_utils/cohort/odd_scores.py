"""Scores that no questionnaire gives, or no patient: each look yields what it found, and nothing where all is well."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from durability_utils.cohort.seen import FEW, MANY, Found, Seen, rows_where
from durability_utils.study.columns import FOLLOW_UPS, LATER_TIMES, TIMES, dictionary, items_of, totals

# the most that the two first questions give: PHQ-2 and GAD-2
SHORT_FORM_MOST = 6
SHORT_FORMS = {"depression": "phq2_in_phq9", "anxiety": "gad2_in_gad7"}
# services treat people above caseness (10 and 8): published medians at baseline are 13 to 16, and 12 to 14
LOW_MEDIAN = 5
# three patients in four improve; of those whose scores are swapped as many rise, and by more than chance
SHARE_RISING, POINTS_RISING = 0.6, 2
# without a date a fifth of zeros is beyond the few who lost both symptoms and date; with one, a quarter
SHARE_ZEROS_UNDATED, SHARE_ZEROS = 0.2, 0.25
# alike on all measures: about as many as differ by one point in each of the 8 directions; at least 2 in 100
TIMES_CHANCE, LEAST_CHANCE = 4, 0.02
FEW_DATED = 6  # a date speaks for an answer
FEW_POINTS = 5  # on both together: so near to zero twice the same is no wonder
SHARE_OF_FIVES = 0.6  # chance: one in five
SHARE_PERCENT = 0.2
SHARE_CONTRADICTED = 0.5
# at baseline, and of a change over treatment, fewer tell as much: both lie far from what is looked for
ENOUGH = 15


def short_forms(seen: Seen) -> Iterator[Found]:
    for measures in seen.by_time():
        for measure in seen.study.rules.pair:
            column, scores = measures[measure.name]
            later = column.endswith(LATER_TIMES)  # by then all may be well, where few are ill at first
            if len(scores) >= (MANY if later else ENOUGH) and scores.max() <= SHORT_FORM_MOST:
                yield Found(SHORT_FORMS[measure.role], column, scores.index, len(scores), "warning" if later else "")


def low_at_baseline(seen: Seen) -> Iterator[Found]:
    for measure in seen.study.rules.pair:
        scores = seen.scores(measure, "baseline")
        if len(scores) >= MANY and scores.median() < LOW_MEDIAN and scores.max() > SHORT_FORM_MOST:
            yield Found("low_at_baseline", f"{measure.columns}_baseline", rows_where(scores < LOW_MEDIAN), len(scores))


def measures_swapped(seen: Seen) -> Iterator[Found]:
    depression, anxiety = seen.study.rules.pair
    for measures in seen.by_time():
        (one, lower), (other, higher) = measures[depression.name], measures[anxiety.name]
        beyond = higher > anxiety.maximum
        if (min(len(lower), len(higher)) >= ENOUGH and beyond.sum() >= FEW and higher.max() <= depression.maximum
                and lower.max() <= anxiety.maximum and higher.median() >= lower.median()):
            yield Found("measures_swapped", f"{one}, {other}", rows_where(beyond), len(higher))


def first_and_last(seen: Seen) -> Iterator[Found]:
    for measure in seen.study.rules.pair:
        first, last = f"{measure.columns}_baseline", f"{measure.columns}_end"
        rise = (seen.cohort[last] - seen.cohort[first]).dropna()
        if len(rise) >= ENOUGH and (rise > 0).mean() >= SHARE_RISING and rise.mean() >= POINTS_RISING:
            yield Found("first_and_last_swapped", f"{first}, {last}", rows_where(rise > 0), len(rise))


def follow_up_above_baseline(seen: Seen) -> Iterator[Found]:
    for time in FOLLOW_UPS:
        rises = {}
        for measure in seen.study.rules.pair:
            first, last, later = (pd.Series(seen.cohort[f"{measure.columns}_{when}"].to_numpy(float, na_value=np.nan),
                                            seen.cohort.index) for when in ("baseline", "end", time))
            rise = (later - first).dropna()
            if len(rise) >= ENOUGH:  # where treatment did not help either, first and last are asked about
                rises[f"{measure.columns}_{time}"] = rise if (last - first).mean() < 0 else -abs(rise)
        if rises and all((rise > 0).mean() >= SHARE_RISING and rise.mean() >= POINTS_RISING for rise in rises.values()):
            rise = next(iter(rises.values()))
            yield Found("follow_up_above_baseline", ", ".join(rises), rows_where(rise > 0), len(rise))


def counted_from_1(seen: Seen) -> Iterator[Found]:
    for total in seen.itemised():
        most = dictionary().at[items_of(total)[0], "maximum"]
        items = pd.concat([seen.numbers(item) for item in items_of(total)])
        beyond, patients = items[items > most], items.index.unique()
        if len(items) >= MANY and items.min() >= 1 and len(beyond) >= FEW and (beyond == most + 1).all():
            yield Found("items_from_1", f"{total}_item*", patients, len(patients))


def summed_from_1(seen: Seen) -> Iterator[Found]:
    times = seen.by_time()
    for measure in seen.study.rules.pair:
        columns, scores = zip(*(measures[measure.name] for measures in times), strict=True)
        every = [(", ".join(columns), pd.concat(scores))]
        # at baseline alone many have every symptom
        for column, these in every + [measures[measure.name] for measures in times[1:]]:
            beyond = these > measure.maximum
            if (len(these) >= MANY and these.min() >= measure.items and beyond.sum() >= FEW
                    and these.max() <= measure.maximum + measure.items):
                yield Found("totals_from_1", column, rows_where(beyond), len(these))
                break


def totals_never_match(seen: Seen) -> Iterator[Found]:
    contradicted = seen.rejected[seen.rejected["reason"] == "contradicts_items"]
    for total, rows in contradicted.groupby("column"):
        complete = seen.cohort[items_of(total)].notna().all(axis=1) & seen.filled[total].loc[seen.cohort.index]
        if len(rows) >= FEW and len(rows) >= SHARE_CONTRADICTED * complete.sum():
            yield Found("totals_never_match", total, pd.Index(rows["row"]), int(complete.sum()))


def percentages(seen: Seen) -> Iterator[Found]:
    for measures in seen.by_time():
        for measure in seen.study.rules.pair:
            column, scores = measures[measure.name]
            beyond = scores > measure.maximum
            if (len(scores) >= MANY and beyond.mean() >= SHARE_PERCENT
                    and measure.maximum + measure.items < scores.max() <= 100):
                yield Found("percentages", column, rows_where(beyond), len(scores))


def constant(seen: Seen) -> Iterator[Found]:
    mapped = seen.raw.columns.everywhere  # sessions counted from contacts, or said by the map, may well be alike
    told = [name for name in ("age", "sessions") if name in mapped and mapped[name].source]
    for column in (*told, *(name for time in TIMES for name in totals(time))):
        values = seen.cohort[column].dropna()
        if len(values) >= MANY and values.min() == values.max():
            yield Found("constant_column", column, values.index, len(values))


def heaping(seen: Seen) -> Iterator[Found]:
    scores = [found for measures in seen.by_time() for found in measures.values()]
    for column, values in [("age", seen.numbers("age")), *scores]:
        fives = values % 5 == 0
        differ = len(values) >= MANY and values.min() < values.max() and values.median() > 0
        if differ and fives.mean() >= SHARE_OF_FIVES:
            yield Found("heaping", column, rows_where(fives), len(values))


def zeros_where_nobody_answered(seen: Seen) -> Iterator[Found]:
    for time in FOLLOW_UPS:
        names = [name for name in totals(time) if not name.startswith("adsm")]  # some of these begin at 1, or at 16
        scores, dates = seen.cohort[names], seen.cohort[f"followup_{time}_date"]
        answered = scores.notna().sum(axis=1) >= 2
        zeros = answered & (scores.fillna(0) == 0).all(axis=1)
        undated = answered & dates.isna() if dates.notna().any() else answered & False
        for group, least, share in ((undated, FEW, SHARE_ZEROS_UNDATED), (answered & ~undated, MANY, SHARE_ZEROS)):
            n = int(group.sum())
            found = rows_where(zeros & group)
            if n >= least and len(found) >= max(FEW, share * n):
                columns = [name for name in names if seen.filled[name].any()]
                yield Found("zeros_where_nobody_answered", ", ".join(columns), found, n)


def carried_forward(seen: Seen) -> Iterator[Found]:
    for earlier, later in (("baseline", "end"), ("end", "6m"), ("end", "12m"), ("6m", "12m")):
        before, after = ([seen.cohort[f"{name}_{time}"].to_numpy(float, na_value=np.nan)
                          for name in ("adsm", *(measure.columns for measure in seen.study.rules.pair))]
                         for time in (earlier, later))
        adsm, *pair = (abs(one - other) for one, other in zip(before, after, strict=True))
        judged = ~np.isnan(pair).any(axis=0) & (np.add(*before[1:]) >= FEW_POINTS)
        apart = np.where(judged, np.maximum(*pair), np.inf)
        same = (apart == 0) & ~(adsm > 0)
        near = (apart <= 1) & ~same
        undated = np.zeros(len(same), bool)
        if later in FOLLOW_UPS and seen.cohort[f"followup_{later}_date"].notna().any():
            undated = seen.cohort[f"followup_{later}_date"].isna().to_numpy()
        for group, least in ((undated, FEW), (~undated, FEW_DATED)):
            n, found = int((judged & group).sum()), same & group
            chance = max((near & group).sum() / 8, LEAST_CHANCE * n)
            if found.sum() >= least and found.sum() > TIMES_CHANCE * chance:
                columns = (f"{measure.columns}_{later}" for measure in seen.study.rules.pair)
                yield Found("carried_forward", ", ".join(columns), seen.cohort.index[found], n)


LOOKS = (short_forms, low_at_baseline, measures_swapped, first_and_last, follow_up_above_baseline, counted_from_1,
         summed_from_1, totals_never_match, percentages, constant, heaping, zeros_where_nobody_answered,
         carried_forward)
