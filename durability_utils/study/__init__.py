"""What is fixed before anything is read: the study file, its measures and rules, the columns and what they mean."""
