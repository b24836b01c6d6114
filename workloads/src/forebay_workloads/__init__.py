"""Forebay's data plane: the code that runs in pods. It knows stores and streams, never Kubernetes."""

__version__ = "0.1.0"
