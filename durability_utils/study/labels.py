"""What codes and columns are called where people read them."""

WORDS = {"phq9": "PHQ-9", "gad7": "GAD-7", "adsm": "ADSM", "wsas": "WSAS", "6m": "6 months", "12m": "12 months",
         "nhs": "NHS", "sd": "SD", "upflow": "use of treatment data", "step2": "step 2", "step3": "step 3",
         "step2+3": "steps 2 and 3", "ptsd": "PTSD", "ocd": "OCD",
         "no_upflow_consent": "no consent to use of treatment data", "no_contact_consent": "no consent to contact"}


def label(code: str) -> str:
    """A code as words: `no_reliable_improvement` is `no reliable improvement`, `phq9_change` is `PHQ-9 change`."""
    if code in WORDS:
        return WORDS[code]
    return " ".join(WORDS.get(part, part) for part in code.split("_")).replace("follow up", "follow-up")
