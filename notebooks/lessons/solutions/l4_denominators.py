"""Lesson 4: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "not_recovered": 14 / 31,    # 8 + 6 had no recovery at end, of all 31 in the table; the paper prints 14/17
    "kept": 15 / 17,             # 17 had recovered at end, 15 of them are still recovered
    "nhs": 85 / 931,             # 85 recovered; 984 finished, less 53 known to be below caseness at the start
    "direction": "lower",        # the same patients above the line, more below
    "known_to_keep": 47 / 1092,  # 1092 improved at end, of 47 it is known that they still are
    "carried": 17,               # in the table with carry back (88) less in it without (71)
}
TYPICAL_MISTAKES = {
    "not_recovered": [14 / 17, 17 / 31, 8 / 31],
    "kept": [21 / 31, 15 / 31, 15 / 21, 2 / 17],
    "nhs": [85 / 290, 85 / 984, 85 / 309],
    "direction": ["higher", "the same"],
    "known_to_keep": [47 / 55, 47 / 1631, 55 / 1092],
    "carried": [88, 71, 21],
}
