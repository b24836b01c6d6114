{{/* What people may do with our kinds. Each role contains the one before it, as the cluster's own do. */}}
{{- define "forebay.rules.view" -}}
- apiGroups: [forebay.dev]
  resources: [datastores, nosqlpipelines, pipelineruns, modelversions, modeldeployments]
  verbs: [get, list, watch]
{{- end -}}

{{- define "forebay.rules.edit" -}}
{{ include "forebay.rules.view" . }}
- apiGroups: [forebay.dev]
  resources: [datastores, nosqlpipelines, pipelineruns, modeldeployments]
  verbs: [create, update, patch, delete]
# A version is made by a run; a person moves it between stages.
- apiGroups: [forebay.dev]
  resources: [modelversions]
  verbs: [update, patch]
{{- end -}}

{{- define "forebay.rules.admin" -}}
{{ include "forebay.rules.edit" . }}
- apiGroups: [forebay.dev]
  resources: [datastores, nosqlpipelines, pipelineruns, modelversions, modeldeployments]
  verbs: [deletecollection]
- apiGroups: [forebay.dev]
  resources: [modelversions]
  verbs: [create, delete]
{{- end -}}
