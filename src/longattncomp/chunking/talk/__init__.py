"""Turns of talks, questions with their answers, mails -> units, each led in by who speaks."""
