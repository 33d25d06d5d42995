"""Threads, locks, turns at the draft model and bounded memory."""
