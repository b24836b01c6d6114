"""Desired child objects, built by pure functions: one file per kind of child, no I/O."""
