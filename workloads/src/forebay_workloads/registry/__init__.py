"""The registry: published models as blobs in a store, named by the digest of their content."""
