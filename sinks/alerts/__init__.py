"""Alerts: who is told of a signal, when, and over which channel."""
