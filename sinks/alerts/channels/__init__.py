"""Thin transports: each hands one notice to one kind of receiver."""
