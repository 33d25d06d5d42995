"""Prompt or messages -> the query that the context is read for."""
