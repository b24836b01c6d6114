#!/usr/bin/env bash
# The example of `make demo` on a real cluster, with the same YAML: install by Helm, data onto a claim, kubectl apply,
# follow, predict through the Service. Called by `make cluster-demo`; may be called again and again.
#   CLUSTER_DIR     state folder of `make cluster`, whose cluster is used (default .cluster)
#   DEMO_NAMESPACE  where the example lives (default demo)
#   DEMO_OPERATOR   `there` leaves out the installation: an operator that serves this namespace runs already
#   DEMO_USER       user of the data set who gets recommendations (default 42)
#   DEMO_TIMEOUT    seconds that the pipeline may take (default 900)
# Arguments go to `helm upgrade`, for example: scripts/cluster-demo.sh --set log.level=debug
# Each step says how long it took. Nothing is removed at the end; the last lines say how to.
set -euo pipefail
cd "$(dirname "$0")/.."
state="${CLUSTER_DIR:-.cluster}" namespace="${DEMO_NAMESPACE:-demo}" example=examples/recommendation
export KUBECONFIG="$state/kubeconfig"
die() { echo "cluster-demo: $*" >&2; exit 1; }
step() { echo; echo "== $* ($SECONDS s)"; }

explain() {
  demo get forebay -o wide >&2
  demo get events --sort-by=.lastTimestamp >&2
  die "$*; the tables above say why, docs/reasons.md what to do"
}

install() {
  local images=() part built
  for part in image:operator pods.trainImage:train pods.serveImage:serve; do
    images+=(--set "${part%%:*}.repository=localhost/forebay/${part##*:}" --set "${part%%:*}.tag=dev")
  done
  # Tag and values are the same after another build: the digest in an annotation makes the pod a new one.
  built="$(python -c 'from harness import folders, load; print(load.contents(folders.cache("images") / "operator.tar")[1])')" ||
    die "there are no images: run make images first"
  images+=(--set "podAnnotations.image=$built")
  "$HELM" upgrade --install forebay charts/forebay --namespace forebay --create-namespace "${images[@]}" \
    --wait --timeout 3m "$@" > /dev/null ||
    { "$KUBECTL" get pods,events --namespace forebay >&2; die "the operator did not become ready"; }
  kubectl get deployments --namespace forebay
}

[ -r "$KUBECONFIG" ] || die "there is no cluster: run make cluster first ($KUBECONFIG does not exist)"
KUBECTL="$(command -v kubectl || python -m harness.tools kubectl)" HELM="$(command -v helm || python -m harness.tools helm)"
export KUBECTL
kubectl() { "$KUBECTL" "$@"; }
demo() { "$KUBECTL" --namespace "$namespace" "$@"; }
kubectl get --raw /readyz > /dev/null || die "the cluster does not answer: run make cluster again"

step "a namespace whose pods must keep the restricted Pod Security Standard"
kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted --overwrite > /dev/null
echo "$namespace"

if [ "${DEMO_OPERATOR:-}" != there ]; then
  step "the operator, by Helm"
  install "$@"
fi

step "the data set, onto the claim forebay-data"
forebay datasets fetch movielens-100k --to "$example/data"
bash scripts/to-claim.sh -n "$namespace" -i localhost/forebay/train:dev data "$example/data/ratings.csv"

step "kubectl apply -f $example"
demo apply -f "$example"

step "the pipeline runs: phase, run, progress as kubectl get nosqlpipelines shows them"
# shellcheck disable=SC2016 # a JSONPath
shown='{.metadata.generation}|{.status.observedGeneration}|{.status.conditions[?(@.type=="Ready")].status}|{.status.phase}|{.status.lastRun.name}  {.status.progress.text}'
end=$((SECONDS + ${DEMO_TIMEOUT:-900})) last=
while true; do
  IFS='|' read -r generation seen ready phase rest <<< "$(demo get nosqlpipeline movies -o "jsonpath=$shown")"
  now="$phase  $rest"
  [ -z "$phase" ] || [ "$now" = "$last" ] || printf '  %4s s  %s\n' "$SECONDS" "$now"
  last="$now"
  if [ "$generation" = "$seen" ]; then
    [ "$ready $phase" != "True Ready" ] || break
    [ "$phase" != Failed ] || explain "the pipeline failed"
  fi
  [ "$SECONDS" -lt "$end" ] || explain "the pipeline is not ready after ${DEMO_TIMEOUT:-900} s"
  sleep 1
done
demo wait --for=condition=Ready nosqlpipeline/movies modeldeployment/movies --timeout=120s || explain "the model is not served"

step "a prediction, through the Service"
forward="$(mktemp)"
"$KUBECTL" --namespace "$namespace" port-forward service/movies :80 > "$forward" 2>&1 &
pid=$!
trap 'kill "$pid" 2> /dev/null || true; rm -f "$forward"' EXIT
for _ in $(seq 50); do
  port="$(sed -nE 's/^Forwarding from 127\.0\.0\.1:([0-9]+) .*/\1/p' "$forward" | head -n 1)"
  [ -n "$port" ] && break
  sleep 0.2
done
[ -n "${port:-}" ] || { cat "$forward" >&2; die "kubectl port-forward does not answer"; }
python "$example/ask.py" "${DEMO_USER:-42}" --url "http://127.0.0.1:$port"

step "kubectl get forebay"
demo get forebay
echo
cat << END
Look around:
  export KUBECONFIG=$(realpath "$KUBECONFIG")
  kubectl -n $namespace describe pipelinerun
  kubectl -n $namespace get jobs,pods,pvc,events
  kubectl -n $namespace port-forward service/movies 3000:80      # then http://127.0.0.1:3000 shows the OpenAPI page
Change something: edit $example/movies.yaml (epochs, a gate) and kubectl -n $namespace apply -f $example
Take it away:      kubectl delete namespace $namespace          # with its claim; make cluster-down ends the cluster
END
