"""`make images`: operator, train and serve, built by docker, podman or buildah from the project's Dockerfiles."""
