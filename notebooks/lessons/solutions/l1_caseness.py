"""Lesson 1: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "case": "yes",                      # PHQ-9 9 < 10, but GAD-7 8 >= 8: one is enough
    "recovered_patient": "no",          # PHQ-9 7 < 10, but GAD-7 8 is not below 8: it takes both
    "below_at_start": 120 / 1631,       # 1631 with a status, 1511 of them at caseness at baseline
    "recovery": 565 / 1511,             # of those at caseness, 565 are below both cut-offs at end
    "by_a_hair": 46 / 565,              # 519 of the 565 recovered reliably
    "higher_cut_off": "higher",         # a higher line is easier to fall below
}
TYPICAL_MISTAKES = {
    "case": ["no", "it depends"],
    "recovered_patient": ["yes", "it depends"],
    "below_at_start": [1511 / 1631, 0.254, 0.397],
    "recovery": [565 / 1631, 519 / 1511, 565 / 3027],
    "by_a_hair": [519 / 565, 46 / 1511],
    "higher_cut_off": ["lower", "the same"],
}
