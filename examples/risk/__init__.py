"""Exposure against signals."""
