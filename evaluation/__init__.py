"""How well institutions are found on labelled tapes, beside two engines to compare with."""
