"""Lesson 5: the answers, how one comes to them, and what learners typically answer instead."""

SOLUTIONS = {
    "nothing_done": "lower",        # errors were high at referral on purpose, they are average at start
    "expected_gain": 2.0,           # (1 - 0.75) * (22.0 - 14.0)
    "called_better": 0.143,         # (status(selected.referral, selected.start) == "reliable_improvement").mean()
    "second_baseline": 3.7,         # of the treated: (start - end).mean()
    "design": "control group",      # it regresses as the treated do: subtract its gain
    "lost_at_follow_up": 0.463,     # (later[at_end == improved] != improved).mean(), improved: reliable_improvement
}
TYPICAL_MISTAKES = {
    "nothing_done": ["the same", "higher"],
    "expected_gain": [6.0, 8.0, 5.5, 20.0, 0],         # what stays; all of the distance; from zero; the mean; none
    "called_better": [0.055, 0.085, 0.151, 0.025],     # everybody; more than; better or worse; one side of 95 %
    "second_baseline": [5.7, 2.1, 0],                  # since referral; the waiting list; the untreated
    "design": ["more patients", "neither"],
    "lost_at_follow_up": [0.537, 0.137, 0],           # kept; of all treated; nobody truly changed
}
