"""Tasks: what a method is measured on."""
