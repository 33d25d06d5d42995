"""Text -> nodes -> segments."""
