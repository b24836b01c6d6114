"""One Kubernetes node on a bare Linux machine, or kind where Docker is. `python -m harness.cluster up|down|status`."""
