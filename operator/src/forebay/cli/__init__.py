"""The command line. One file per command; `main.py` registers them, `group.py` turns errors into exit codes."""
