"""Threads, locks, queues for a model, bounded caches, and files that others may have written."""
