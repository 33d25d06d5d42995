"""samples, stages -> a trained scoring head."""
