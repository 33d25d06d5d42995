"""Lines of code, of settings and of diffs -> units."""
