"""Order intents from signals."""
