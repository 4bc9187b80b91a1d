"""What the lessons in notebooks/lessons share: exercises that check themselves, and a module a lesson."""
