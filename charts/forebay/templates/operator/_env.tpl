{{/* Environment of the operator: what forebay/handlers/environment.py reads. */}}
{{- define "forebay.operator.env" -}}
# First part of the names of what the operator keeps for itself.
- name: FOREBAY_NAME
  value: {{ include "forebay.fullname" . | quote }}
- name: FOREBAY_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: FOREBAY_TRAIN_IMAGE
  value: {{ include "forebay.image" (dict "root" . "image" .Values.pods.trainImage "field" "pods.trainImage") | quote }}
- name: FOREBAY_SERVE_IMAGE
  value: {{ include "forebay.image" (dict "root" . "image" .Values.pods.serveImage "field" "pods.serveImage") | quote }}
- name: FOREBAY_PULL_POLICY
  value: {{ .Values.pods.pullPolicy | quote }}
- name: FOREBAY_PULL_SECRETS
  value: {{ .Values.pods.pullSecrets | join " " | quote }}
- name: FOREBAY_CLAIM
  value: {{ .Values.storage.claim | quote }}
- name: FOREBAY_CLAIM_SIZE
  value: {{ .Values.storage.size | quote }}
- name: FOREBAY_STORAGE_CLASS
  value: {{ .Values.storage.storageClass | quote }}
- name: FOREBAY_GPU_RUNTIME_CLASS
  value: {{ .Values.accelerators.runtimeClass | quote }}
- name: FOREBAY_GPU_SHARED_RESOURCE
  value: {{ .Values.accelerators.sharedResource | quote }}
- name: FOREBAY_PROGRESS_URL
  {{- if include "forebay.progress" . }}
  value: {{ printf "https://%s-progress.%s.svc" (include "forebay.fullname" .) .Release.Namespace | quote }}
  {{- else }}
  value: ""
  {{- end }}
- name: FOREBAY_WORKERS
  value: {{ .Values.reconcile.workers | quote }}
- name: FOREBAY_PROBE_SECONDS
  value: {{ .Values.reconcile.probeSeconds | quote }}
- name: FOREBAY_LOG_LEVEL
  value: {{ .Values.log.level | quote }}
{{- end -}}
