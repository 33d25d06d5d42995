"""Rows, generators and sources that training and evaluation share."""
