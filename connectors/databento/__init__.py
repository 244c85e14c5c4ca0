"""Databento: wire decoding, control messages and the live session."""
