"""A recipe of a user's that fails as user code fails: by an exception from somewhere inside."""


class Broken:
    """What `train.entrypoint: shop.broken:Broken` names."""

    name, runtime = "broken", "pytorch"

    def fit(self, data, params, context):
        """Never trains."""
        raise RuntimeError("the shop is closed")

    def evaluate(self, model, data, params):
        """Not reached."""
        return {}

    def export(self, model):
        """Not reached."""

    def load(self, files):
        """Not reached."""

    def predict(self, model, data, spec):
        """Not reached."""
        return iter(())

    def key(self, model):
        """Not reached."""
        return ()
