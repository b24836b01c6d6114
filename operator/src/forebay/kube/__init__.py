"""The small Kubernetes port (port.py) and its two implementations: embedded.py and cluster.py."""
