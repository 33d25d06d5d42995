"""A result as a self-contained HTML page."""
