"""kopf's decorators, and what they need to wake the reconciler. Nothing here decides anything about an object."""
