"""Surveillance record with a hash chain."""
