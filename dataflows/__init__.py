"""The Bytewax wiring: the only place where core, edges and settings meet."""
