"""Forebay's control plane: API types, pure planning, reconcile loop, Kubernetes adapters, command line."""

__version__ = "0.1.0"
