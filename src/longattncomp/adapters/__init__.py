"""What authors of framework components need."""
