"""A module a lesson in notebooks/lessons, sliders, and exercises that check themselves."""
