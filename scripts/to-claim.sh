#!/usr/bin/env bash
# Puts files onto a claim of a cluster, where a DataStore of type files with a relative url finds them.
#   scripts/to-claim.sh [-n NAMESPACE] [-c CLAIM] [-s SIZE] -i IMAGE FOLDER FILE...
#   scripts/to-claim.sh -n demo -i ghcr.io/forebay/train:0.1.0 data ratings.csv      # the store's url is data/
# IMAGE is any image with a shell; the pod that writes keeps the `restricted` Pod Security Standard and is removed at
# the end. A claim that is not there is made (ReadWriteOnce, the cluster's default StorageClass), one that is there is
# used as it is. A file appears under its name when it is whole. Needs kubectl (KUBECTL=PATH) and the current KUBECONFIG.
set -euo pipefail
namespace=default claim=forebay-data size=10Gi image=
usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
while getopts n:c:s:i:h option; do
  case "$option" in
    n) namespace="$OPTARG" ;; c) claim="$OPTARG" ;; s) size="$OPTARG" ;; i) image="$OPTARG" ;; *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ -n "$image" ] && [ $# -ge 2 ] || usage
folder="${1%/}"; shift
for file in "$@"; do [ -r "$file" ] || { echo "to-claim: $file cannot be read" >&2; exit 2; }; done
pod="to-claim-$$-$RANDOM"
kubectl() { "${KUBECTL:-kubectl}" --namespace "$namespace" "$@"; }

kubectl get persistentvolumeclaim "$claim" > /dev/null 2>&1 || kubectl create -f - << YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: "$claim"}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "$size"}}}
YAML

trap 'kubectl delete pod "$pod" --ignore-not-found --wait=false > /dev/null' EXIT
kubectl create -f - > /dev/null << YAML
apiVersion: v1
kind: Pod
metadata: {name: "$pod", labels: {app.kubernetes.io/name: to-claim}}
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 3600
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: shell
    image: "$image"
    command: [sleep, "3600"]
    resources: {requests: {cpu: 50m, memory: 64Mi}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: claim, mountPath: /claim}]
  volumes: [{name: claim, persistentVolumeClaim: {claimName: "$claim"}}]
YAML
kubectl wait --for=condition=Ready "pod/$pod" --timeout=180s > /dev/null || {
  echo "to-claim: the pod that writes does not start:" >&2
  kubectl get events --field-selector "involvedObject.name=$pod" -o custom-columns=REASON:.reason,MESSAGE:.message --no-headers >&2
  exit 1
}
for file in "$@"; do
  name="$(basename "$file")"
  # shellcheck disable=SC2016 # the variables are those of the pod's shell
  kubectl exec -i "$pod" -- sh -c 'mkdir -p "$1" && cat > "$1/.$2.part" && mv "$1/.$2.part" "$1/$2"' \
    sh "/claim/$folder" "$name" < "$file"
  echo "$folder/$name on claim $claim of namespace $namespace: $(wc -c < "$file") bytes"
done
