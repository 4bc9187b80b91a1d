"""Lesson 8: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "from_margins": 2,  # 17 - 15
    "from_steps": 3,  # 9 of all, 6 of them in step 2
    "from_a_percentage": 3,  # 3/9 is 33 %; 2/9 is 22 %, 4/9 is 44 %
    "rounded": 5,  # 13, 14, 15, 16, 17
    "from_rounded": 2,  # 7 of all at most, less 5 of step 3 at least
}
TYPICAL_MISTAKES = {
    "from_margins": [6, 4, 0],                        # 14 - 8, another row; the most behind a star; a star is zero
    "from_steps": [7, 9, 4],                          # the other cell; all steps; the most behind a star
    "from_a_percentage": [6, 2.97, 33],               # those who kept it; 0.33 * 9; the percentage
    "rounded": [1, 6, 11, 4],                         # just 15; 5 + 1; 10 to 20; without 15 itself
    "from_rounded": [4, 0],                           # the most behind a star; 5 - 5
}
