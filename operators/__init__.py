"""The pure core: columns in, signals out; no I/O, no clock, no Bytewax."""
