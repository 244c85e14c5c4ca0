"""Signals per holding."""
