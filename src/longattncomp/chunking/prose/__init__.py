"""Paragraphs, lists and what they say of each other -> units."""
