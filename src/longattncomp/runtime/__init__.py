"""Threads, locks, queues for a model, bounded caches and runs, and files that others may have written."""
