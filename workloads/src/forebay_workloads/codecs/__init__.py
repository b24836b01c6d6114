"""Rows of the outside world ⇄ Arrow. Pure functions: bytes or values in, arrays out; no I/O."""
