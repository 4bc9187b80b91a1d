"""Lesson 3: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "mixed_patient": "neither",  # reliably better on PHQ-9 (8 >= 6), reliably worse on GAD-7 (-5 <= -4)
    "nearly": "neither",         # 5 < 6 and 3 < 4
    "phq9_alone": 788 / 1631,    # PHQ-9 fell by 6 or more in 788 of the 1631 with a status
    "mixed": 2,                  # at_end["mixed"].sum()
    "on_either": 0.048,          # up on at least one, down on none: 1 - 0.975**2 - 2 * 0.025 * 0.025
    "alike": "fewer",            # the second measure repeats the first
}
TYPICAL_MISTAKES = {
    "mixed_patient": ["improved", "deteriorated"],
    "nearly": ["improved", "deteriorated"],
    "phq9_alone": [1092 / 1631, 788 / 3027, 0.9],
    "mixed": [484, 55],
    "on_either": [0.025, 0.0975, 0.0006],
    "alike": ["more", "as many"],
}
