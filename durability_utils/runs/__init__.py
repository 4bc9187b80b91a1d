"""Running notebooks: what runs, what is current, how it is executed, and the report."""
