"""The reconcile loop: gather → plan → execute, one pass per object at a time. The same for both planes."""
