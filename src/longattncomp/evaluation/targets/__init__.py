"""Targets: models that read a compressed context and answer."""
