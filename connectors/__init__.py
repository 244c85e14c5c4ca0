"""Sources of market data: each turns bytes into columns and control items."""
