"""One model of a row given all rows before it: a recurrent network over a chain of columns (torch, no pandas)."""
