{{/*
What the operator may do, in four parts: watcher (our own kinds), worker (the objects it makes), extensions (objects
of APIs that only some clusters have), secrets.
Each verb is one that the operator uses; tests/e2e compares them with the audit log of an API server, both ways.
Cluster-wide a part is a ClusterRole; in namespaced mode it is a Role in each watched namespace.
*/}}
{{- define "forebay.rules.watcher" -}}
# Following all of them. One that must be looked at anew is listed by its name: that needs no right of its own.
- apiGroups: [forebay.dev]
  resources: [datastores, nosqlpipelines, pipelineruns, modelversions, modeldeployments]
  verbs: [list, watch]
# Runs are made for pipelines, versions by runs; old ones go.
- apiGroups: [forebay.dev]
  resources: [pipelineruns]
  verbs: [create, delete]
- apiGroups: [forebay.dev]
  resources: [modelversions]
  verbs: [create, patch, delete]
# The status is ours alone; the spec is the user's and never written.
- apiGroups: [forebay.dev]
  resources: [datastores/status, nosqlpipelines/status, pipelineruns/status, modelversions/status, modeldeployments/status]
  verbs: [patch]
{{- end -}}

{{- define "forebay.rules.worker" -}}
# Stage documents and their like, and the operator's heartbeat.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch, delete]
# What serves a model, and by what pods that train together find each other.
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, create, patch, delete]
# Stages and probes: made once and never changed.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, create, delete]
# Why a pod does not run, whose a pod is that pushes progress, and the last lines of one that failed.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# The data of file stores: made when missing, never deleted.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create]
# Ours about our kinds; the cluster's own about a Job that gets no pod.
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, create, patch]
{{- end -}}

{{- define "forebay.rules.extensions" -}}
# Autoscaling by events, routes from outside, claimed devices, sets of Jobs. A rule for an API that is not there
# does no harm, and the operator need not be installed anew when it comes.
- apiGroups: [keda.sh]
  resources: [scaledobjects, triggerauthentications]
  verbs: [get, list, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, create, patch, delete]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaimtemplates]
  verbs: [get, create]
- apiGroups: [jobset.x-k8s.io]
  resources: [jobsets]
  verbs: [get, create, delete]
{{- end -}}

{{- define "forebay.rules.secrets" -}}
# A Secret that a DataStore names: its version and its keys. No list and no watch: these would show all of them.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}

{{- define "forebay.rules.home" -}}
# Certificate of the progress endpoint. Applied by its name, so its name is known also when it is made.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "forebay.fullname" . }}-progress-tls]
  verbs: [get, create, patch]
{{- end -}}
