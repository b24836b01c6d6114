"""Real stores and brokers as processes of this machine, for tests and benches. Not shipped; see docs/servers.md."""
