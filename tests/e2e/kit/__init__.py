"""What the e2e tests share: kubectl, waiting, objects, data, the operator inside and outside of the cluster."""
