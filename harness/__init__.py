"""What the tests and demos of a real cluster need on a bare machine: tools, the cluster itself, images. Not shipped."""
