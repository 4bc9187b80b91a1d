"""Lesson 2: the answers, how one comes to them, and what learners typically answer instead."""

SD, RELIABILITY = 4.90, 0.89  # of the study's patients; of the PHQ-9

SOLUTIONS = {
    "error": SD * (1 - RELIABILITY) ** 0.5,                         # 1.6 points
    "index": 1.96 * 2 ** 0.5 * SD * (1 - RELIABILITY) ** 0.5,       # 4.5 points
    "whole_points": 6,                                              # 5 does not exceed 5.2
    "one_point": 0.823,                                             # (people["referral"] != people["start"]).mean()
    "by_error": 0.008,                                              # (people["referral"] - people["start"] >= 6).mean()
    "better_questionnaire": "smaller",                              # less error, so less of a change exceeds it
}
TYPICAL_MISTAKES = {
    "error": [SD * (1 - RELIABILITY), SD * RELIABILITY ** 0.5, SD],
    "index": [1.96 * SD * (1 - RELIABILITY) ** 0.5, 1.96 * SD, 2 * 1.96 * SD * (1 - RELIABILITY) ** 0.5],
    "whole_points": [5, 5.2],
    "one_point": [0.414, 0.515, 0],
    "by_error": [0.017, 0.05],
    "better_questionnaire": ["larger", "the same"],
}
