"""What codes and columns are called where people read them."""

import re

WORDS = {"phq9": "PHQ-9", "gad7": "GAD-7", "adsm": "ADSM", "wsas": "WSAS", "6m": "6 months", "12m": "12 months",
         "nhs": "NHS", "sd": "SD", "upflow": "use of treatment data", "step2": "step 2", "step3": "step 3",
         "step2+3": "steps 2 and 3", "ptsd": "PTSD", "ocd": "OCD"}
WHOLE = {"no_upflow_consent": "no consent to use of treatment data", "no_contact_consent": "no consent to contact",
         "no_6_month_follow_up": "no 6-month follow-up", "phq9_gad7": "PHQ-9 and GAD-7",
         "phq9_relevant_anxiety": "PHQ-9 and relevant anxiety measure"}


def label(code: str) -> str:
    """A code as words: `no_reliable_improvement` is `no reliable improvement`, `phq9_change` is `PHQ-9 change`."""
    words = re.sub(r"[\w+]+", lambda word: WORDS.get(word[0], word[0]), code.replace("_", " "))
    return WHOLE.get(code) or words.replace("follow up", "follow-up")
