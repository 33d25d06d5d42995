"""Rows, and what stands above and below them -> units."""
