"""What a service's codes for gender, consent and the like probably mean: from labels, national lists, plain words."""

import re
from dataclasses import dataclass

from durability_utils.study.column_maps import code_lists, normalise

# Lists of parameters/codes.yaml, by what a column holds.
LISTS = {
    "gender": ("nhs_gender", "nhs_gender_identity"), "ethnicity": ("nhs_ethnic_category",),
    "employment": ("nhs_employment_status",), "end_reason": ("nhs_end_code",), "attended": ("nhs_attendance",),
    "measure": ("nhs_assessment_tool",),
}
# Canonical code: how services write it. Only letters and digits are compared, without letter case.
WORDS = {
    "gender": {"female": "f, w, woman, women, girl", "male": "m, man, men, boy",
               "other": "o, nb, non binary, indeterminate, not listed"},
    "consent": {"yes": "y, true, t, agreed, given, consented",
                "no": "n, false, f, refused, declined, withheld, not given"},
    "attended": {"yes": "y, true, t, attended, arrived, attended on time, seen",
                 "no": "n, false, f, did not attend, dna, cancelled, missed"},
    "mode": {"post": "p, paper, letter, mail, by post, postal", "online": "o, web, internet, email, app, by email",
             "phone": "t, tel, telephone, call, by phone, by telephone"},
    "step": {"step2": "2, s2, step 2 only, li, low, low intensity, low intensity only",
             "step3": "3, s3, step 3 only, hi, high, high intensity, high intensity only",
             "step2+3": "23, 2 and 3, s2s3, step 2 and step 3, step 2 step 3, step 2 and 3, li hi, low high, both, "
                        "low and high intensity"},
    "employment": {
        "employed": "employed full time, employed part time, full time employed, part time employed, full time, "
                    "part time, self employed, in work, working, in employment",
        "unemployed": "unemployed and seeking work, unemployed and actively seeking work, job seeker",
        "student": "students, full time student, in education",
        "long_term_sick": "long term sick or disabled, sick, disabled, long term sickness, unable to work",
        "homemaker": "looking after family or home, homemaker or carer, carer, housewife",
        "not_working": "not in work", "volunteer": "voluntary work, unpaid voluntary work", "retired": "retirement",
        "not_stated": "declined, prefer not to say"},
    "ethnicity": {
        "white_british": "british", "white_irish": "irish", "white_other": "any other white background, other white",
        "mixed_white_and_black_caribbean": "white and black caribbean",
        "mixed_white_and_black_african": "white and black african", "mixed_white_and_asian": "white and asian",
        "mixed_other": "any other mixed background, other mixed", "asian_indian": "indian",
        "asian_pakistani": "pakistani", "asian_bangladeshi": "bangladeshi",
        "asian_other": "any other asian background, other asian", "black_caribbean": "caribbean",
        "black_african": "african", "black_other": "any other black background, other black",
        "other": "any other ethnic group, other ethnic group", "not_stated": "declined, prefer not to say"},
    "end_reason": {"completed": "completed treatment, treatment completed",
                   "dropped_out": "drop out, did not attend, dna",
                   "declined": "declined treatment", "referred_on": "referred to another service", "deceased": "died"},
    "measure": {"PHQ-9": "phq, patient health questionnaire, patient health questionnaire 9",
                "GAD-7": "gad, generalised anxiety disorder 7, generalised anxiety disorder scale",
                "OCI": "obsessive compulsive inventory", "SPIN": "social phobia inventory",
                "HAI": "health anxiety inventory", "IES-R": "impact of event scale, impact of event scale revised",
                "MI": "mobility inventory, mobility inventory for agoraphobia", "PDSS": "panic disorder severity scale",
                "PCL-5": "pcl, ptsd checklist, ptsd checklist for dsm 5"},
}
CONSENT_NUMBERS = {"1": "yes", "0": "no"}
# By habit only: nothing in an export tells which way round these are.
CONSENT_HABIT = {"1": "yes", "2": "no"}
# Where nobody refused yet, the map still has to know a refusal: an unknown code would keep what has to be removed.
REFUSALS = {"y": "N", "t": "F", "true": "FALSE", "1": "0"}
NOTHING = {"", "null", "na", "n/a", "#n/a", "nan", ".", "_", "-", "--", "?", "missing", "nil", "unknown", "not_known",
           "not_recorded", "not_applicable", "blank"}


@dataclass(frozen=True)
class Codes:
    """What the codes of a column mean, as a column map says it.

    `codes`: the name of a list, or code -> canonical code, or None where they need no translation. `known`: code
    (normalised) -> canonical code, of all that are understood. `doubt`: what a person has to look at before relying
    on it, or nothing.
    """

    codes: str | dict[str, str] | None
    known: dict[str, str]
    doubt: str = ""


def guess_codes(kind: str, found: list[str], allowed: list[str], labels: dict[str, str]) -> Codes:
    """What a column's codes mean.

    `kind`: a key of WORDS; `found`: the codes, the commonest first; `allowed`: the canonical codes; `labels`:
    normalised code -> label, where the file has labels.
    """
    spelt = {normalise(code): code for code in reversed(found)}
    own = {normalise(code): code for code in allowed}
    if labels:
        known = {code: meaning for code, label in labels.items()
                 if (meaning := _meaning(kind, label, allowed)) is not None}
        if spelt.keys() & known.keys():
            return Codes(known, own | known)
    plain = {code: meaning for code, text in spelt.items() if (meaning := _meaning(kind, text, allowed))}
    lists = {name: {normalise(code): meaning for code, meaning in codes.items()}
             for name, codes in code_lists().items() if name in LISTS.get(kind, ())}
    best = max(lists, key=lambda name: len(lists[name].keys() & spelt.keys()), default="")
    listed = lists.get(best, {})
    if len(listed.keys() & spelt.keys()) > len(plain):
        return Codes(best, own | listed, _direction(best, listed, [spelt[code] for code in spelt if code in listed]))
    doubt = ""
    if kind == "consent":
        if not plain and spelt.keys() & CONSENT_HABIT.keys():
            numbers = CONSENT_NUMBERS if "0" in spelt else CONSENT_HABIT
            plain, spelt = dict(numbers), spelt | {code: code for code in numbers}
            doubt = "" if "0" in spelt else "read as 1 = yes, 2 = no; nothing in the export says so"
        for code in plain.keys() & REFUSALS.keys():
            refusal = REFUSALS[code]
            plain, spelt = {normalise(refusal): "no"} | plain, {normalise(refusal): refusal} | spelt
    if kind == "mode" and "p" in plain and not {"t", "tel", "telephone", "phone", "call"} & plain.keys():
        doubt = "P is read as post; or is it phone?"
    if plain.keys() <= own.keys():
        return Codes(None, own)
    order = {code: place for place, code in enumerate(allowed)}
    translated = sorted(plain.items(), key=lambda entry: order[entry[1]])
    return Codes({spelt[code]: meaning for code, meaning in translated}, own | plain, doubt)


def _meaning(kind: str, text: str, allowed: list[str]) -> str | None:
    """The canonical code for a text: blank where it says that there is nothing, None where it is not understood."""
    if normalise(text) in NOTHING:
        return ""
    for code in allowed:
        if _letters(text) in {_letters(word) for word in (code, *WORDS[kind].get(code, "").split(", "))}:
            return code
    return None


def _letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text.casefold()))


def _direction(name: str, meanings: dict[str, str], codes: list[str]) -> str:
    """A doubt where the codes are plain numbers, which a service may count in its own way."""
    if any(re.search(r"[^\W\d]|^0\d", code) or len(code) > 3 for code in codes):
        return ""
    shown = ", ".join(f"{code} = {meanings[normalise(code)] or 'missing'}" for code in sorted(codes)[:3])
    return f"plain numbers, read as in {name}: {shown}"
