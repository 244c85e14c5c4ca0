"""Tests on real market data, which is never committed."""
