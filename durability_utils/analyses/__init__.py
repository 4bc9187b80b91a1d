"""What goes beyond the paper's tables, a subject a module, its pictures beside it."""
