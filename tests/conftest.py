"""For all tiers: an example of a property may take as long as it takes. A busy machine must not fail a test."""

from hypothesis import settings

settings.register_profile("forebay", settings(), deadline=None)
settings.load_profile("forebay")
