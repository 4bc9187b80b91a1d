"""What codes and columns are called where people read them."""

import re

NOT_APPLICABLE = "\u2013"  # what is hidden by disclosure control has a sign of its own, *
NO_BREAK = "\u00a0"  # the space within a rate
WORDS = {"phq9": "PHQ-9", "gad7": "GAD-7", "adsm": "ADSM", "wsas": "WSAS", "6m": "6 months", "12m": "12 months",
         "nhs": "NHS", "sd": "SD", "upflow": "use of treatment data", "step2": "step 2", "step3": "step 3",
         "step2+3": "steps 2 and 3", "followup": "follow-up", "ptsd": "PTSD", "ocd": "OCD",
         **{name.lower(): name for name in ("British", "Irish", "Caribbean", "African", "Asian", "Indian", "Pakistani",
                                            "Bangladeshi", "Chinese")}}
# how those are reckoned with who did not answer, as pictures and tables of `08_attrition` call it
METHOD_WORDS = {
    "complete_cases": "those who answered",
    "complete_cases_carried_back": "those who answered, carried back",
    "weighting": "weighted",
    "doubly_robust": "doubly robust",
    "normal": "imputed, normal errors",
    "pmm": "imputed from those most alike",
    "prior": "imputed, shifted by the prior",
    "returned_to_baseline": "returned to baseline",
    "worst_case": "worst case",
    "best_case": "best case",
}
WHOLE = {"no_upflow_consent": "no consent to use of treatment data", "no_contact_consent": "no consent to contact",
         "consent_contact": "consent to contact", "consent_upflow": "consent to use of treatment data",
         "phq9_gad7": "PHQ-9 and GAD-7", "phq9_relevant_anxiety": "PHQ-9 and relevant anxiety measure", "q": "Q",
         "own": "whom the definition counts", "common": "whom all count", **METHOD_WORDS}
_TABLE = re.compile(r"\btable(?=\d)")  # of a paper
_HYPHENS = re.compile(r"\b(follow|long|re|6|12) (?=up|term\b|referr|month\b)")


def label(code: str) -> str:
    """A code as words: `no_reliable_improvement` is `no reliable improvement`, `phq9_change` is `PHQ-9 change`."""
    words = re.sub(r"[\w+]+", lambda word: WORDS.get(word[0], word[0]), code.replace("_", " "))
    return WHOLE.get(code) or _TABLE.sub("table ", _HYPHENS.sub(r"\1-", words))
