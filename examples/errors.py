"""What can go wrong, as one line each."""


class ConsumerError(Exception):
    """Ends the program: says what, where, what was expected and what to do."""


class Malformed(ValueError):
    """A record on a topic is not what its schema says; it is kept as a dead letter."""
