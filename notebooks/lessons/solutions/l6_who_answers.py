"""Lesson 6: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "answered": 106 / 3027,      # those who answered at least once, of everyone discharged
    "direction": "too high",     # those who lost their gains are missing more often
    "seen": 210 / 246,           # of 1000: 700 kept, 210 answer; 300 lost, 0.3 * 0.4 = 0.12 of them answer, 36
    "interval": "far fewer",     # narrow intervals around 0.85, the truth is 0.7
    "worst": 47 / 1092,          # only those known to have kept their gains
    "best": (47 + 1037) / 1092,  # and all 1092 - 55 of whom nothing is known
}
TYPICAL_MISTAKES = {
    "answered": [106 / 323, 323 / 3027, 88 / 3027],
    "direction": ["too low", "about right"],
    "seen": [0.7, 0.21, 0.246, 0.78],  # the truth; of everybody; who answer; at 60 % of the rate
    "interval": ["about 95", "all"],
    "worst": [47 / 55, 55 / 1092, 0],
    "best": [1, 1037 / 1092, 47 / 55],
}
