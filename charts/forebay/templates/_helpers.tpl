{{/* Name of every object, or its beginning. Short enough for the longest suffix (63 characters in all). */}}
{{- define "forebay.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Whose an object is: chart and release. */}}
{{- define "forebay.identity" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What selects the operator's pod. Never changes within a release: a selector is immutable. */}}
{{- define "forebay.selectorLabels" -}}
{{ include "forebay.identity" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Labels of every object. */}}
{{- define "forebay.labels" -}}
{{ include "forebay.identity" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: forebay
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A reference to an image: dict "root" $, "image" the value, "field" its path in the values. */}}
{{- define "forebay.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else if .root.Values.requireDigests -}}
{{- fail (printf "requireDigests is true: give %s.digest, the sha256:… of %s" .field .image.repository) -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Name of the operator's ServiceAccount. */}}
{{- define "forebay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "forebay.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* "true" when pods push their progress, else nothing. */}}
{{- define "forebay.progress" -}}
{{- $wish := .Values.progress.enabled | toString -}}
{{- if or (eq $wish "true") (and (eq $wish "auto") (not .Values.watchNamespaces)) -}}
true
{{- end -}}
{{- end -}}

{{/* "true" when the cluster knows PodMonitors, else nothing. */}}
{{- define "forebay.knowsPodMonitors" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" -}}
true
{{- end -}}
{{- end -}}
