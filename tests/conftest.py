"""For all tiers: the examples of a property may take as long as they take. A busy machine must not fail a test."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "forebay", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("forebay")
