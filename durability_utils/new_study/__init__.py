"""A first study file and column maps for exports that nobody has described."""
