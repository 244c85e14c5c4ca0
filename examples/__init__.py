"""Worked consumers of the topics: programs to read, run and copy. They import nothing of IFD."""
