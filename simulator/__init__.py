"""A price-time exchange that emits true market-by-order data, and its agents."""
