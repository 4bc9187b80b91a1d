"""A patient's several referrals: which of them a contact belongs to, when the next one began, and which count."""

import numpy as np
import pandas as pd

# days from discharge to the next referral, as NHS England counts them: the last day of each band
BANDS = {"within 91 days": 91, "92 to 182 days": 182, "183 to 273 days": 273, "more than 273 days": np.inf}


def next_referral(referrals: pd.DataFrame) -> pd.Series:
    """The day of the patient's first referral received after the discharge of each; NaT where there is none.

    referrals: one row a referral, `patient_id, referral_date, discharge_date`.
    """
    began = referrals[["patient_id", "referral_date"]].dropna().sort_values("referral_date")
    left = referrals[["patient_id", "discharge_date"]].dropna().sort_values("discharge_date")
    found = pd.merge_asof(left, began, left_on="discharge_date", right_on="referral_date", by="patient_id",
                          direction="forward", allow_exact_matches=False)
    return found["referral_date"].set_axis(left.index).reindex(referrals.index)


def referral_of(contacts: pd.DataFrame, referrals: pd.DataFrame) -> pd.Series:
    """For each contact the place in `referrals` of the one that it belongs to; -1 where it belongs to none of them.

    contacts: `patient_id, referral_id` (blank: not told), `date`. referrals: one row each, the same with
    `referral_date`, `discharge_date`. Who is told it belongs there. Without ids in `referrals`, a patient's is the one
    of the last contact up to discharge. What is not told belongs to the last referral begun by the day of the contact,
    or where none had begun to the first; where the day a referral began is not known, the day after the discharge
    before stands for it.
    """
    places = pd.Series(np.arange(len(referrals)), referrals.index)
    told, ids = contacts["referral_id"] != "", referrals["referral_id"]
    if told.any() and (ids == "").all():
        up_to = contacts["date"] <= referrals.set_index("patient_id")["discharge_date"].reindex(
            contacts["patient_id"]).to_numpy()
        last = contacts[told & up_to].sort_values("date", kind="stable").drop_duplicates("patient_id", keep="last")
        ids = referrals["patient_id"].map(last.set_index("patient_id")["referral_id"]).fillna("")
    keys = pd.MultiIndex.from_arrays([referrals["patient_id"], ids])
    exact = keys.get_indexer(pd.MultiIndex.from_frame(contacts[["patient_id", "referral_id"]]))
    found = pd.Series(np.where(told, exact, -1), contacts.index)
    # nobody's contact tells which referral is this patient's: then all of them are
    alone = told & contacts["patient_id"].isin(referrals.loc[ids == "", "patient_id"])
    by_day = contacts.loc[~told | alone, ["patient_id", "date"]]
    if referrals["patient_id"].is_unique:
        only = pd.Index(referrals["patient_id"]).get_indexer(by_day["patient_id"])
        return found.where(told & ~alone, pd.Series(only, by_day.index).reindex(found.index)).astype(int)
    began = referrals.assign(place=places).sort_values(["discharge_date", "referral_date"], kind="stable")
    before = began.groupby("patient_id")["discharge_date"].shift() + pd.Timedelta(days=1)
    began = began.assign(began=began["referral_date"].fillna(before))
    first = began.drop_duplicates("patient_id").set_index("patient_id")["place"]
    known = began.dropna(subset="began").sort_values("began", kind="stable")[["patient_id", "began", "place"]]
    dated = by_day.dropna(subset="date").sort_values("date", kind="stable")
    last = pd.merge_asof(dated, known, left_on="date", right_on="began", by="patient_id")["place"].set_axis(dated.index)
    day = last.reindex(by_day.index).fillna(by_day["patient_id"].map(first)).fillna(-1)
    return found.where(told & ~alone, day.reindex(found.index)).astype(int)


def not_counted(referrals: pd.DataFrame, rule: str) -> pd.Series:
    """True for those of several referrals of a patient that the rule (`first`, `last` or `all`) leaves out.

    referrals: `patient_id, referral_id, referral_date, discharge_date`; in the order of discharge.
    """
    if rule == "all":
        return pd.Series(False, referrals.index)
    ordered = referrals.sort_values(["discharge_date", "referral_date"], kind="stable")
    return ordered.duplicated("patient_id", keep=rule).reindex(referrals.index)


def re_referrals(cohort: pd.DataFrame) -> pd.DataFrame:
    """How many were referred again, by the days since discharge: `days, n, of` with the bands of NHS England.

    The last row, `not referred again`, are those of whom no later referral is known. `of`: who has a discharge date.
    """
    days = (cohort["re_referred_date"] - cohort["discharge_date"]).dt.days[cohort["discharge_date"].notna()]
    bands = pd.cut(days, [-np.inf, *BANDS.values()], labels=[*BANDS]).cat.add_categories("not referred again")
    counts = bands.fillna("not referred again").value_counts(sort=False)
    return pd.DataFrame({"days": counts.index.astype("str"), "n": counts.to_numpy(), "of": len(days)})
