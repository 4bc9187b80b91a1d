"""The synthetic cohorts and their exports. Nobody in them exists."""
