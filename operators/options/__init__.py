"""Options: their Greeks from the books, and the flow of deltas, vegas and premium through them."""
