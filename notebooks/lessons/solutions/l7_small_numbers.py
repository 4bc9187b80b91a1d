"""Lesson 7: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "lowest": 0.566,                 # proportion(5, 5).low
    "how_many": 35,                  # the first n with n / (n + 1.96**2) >= 0.9, so n >= 9 * 3.84 = 34.6
    "held": 0.876,                   # those of 14 to 19 of 20 hold 0.9; so many are found in 876 of 1000 studies
    "two_services": "zero outside",  # difference(x, y): 0.01 to 0.26
    "first": "the smallest",         # of 5 patients all keep their gains in 0.85**5, 44 of 100 years
}
TYPICAL_MISTAKES = {
    "lowest": [1.0, 0],                               # the naive interval; nothing is known
    "how_many": [10, 29, 34],                         # 9 of 10; an interval that errs on one side; one too few
    "held": [0.95, 0.957, 1],                         # the promise; Wilson's; surely
    "two_services": ["zero inside", "cannot be known"],
    "first": ["the largest", "one as often as another"],
}
