"""The outcome rules and the paper's own tables."""
