"""The embedded plane: what a kubelet and the built-in controllers are to a cluster, as local processes."""
