"""How well methods keep what questions ask for: tasks, targets, metrics and reports."""
