"""Threads, locks, queues for a model, and bounded caches."""
