{{/* Spec of the operator's pod. Meets the `restricted` Pod Security Standard whatever the values say. */}}
{{- define "forebay.operator.pod" -}}
serviceAccountName: {{ include "forebay.serviceAccountName" . }}
automountServiceAccountToken: true
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  {{- include "forebay.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: operator
    image: {{ include "forebay.image" (dict "root" . "image" .Values.image "field" "image") }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    # The image's entry point is `kopf run`; these are its arguments.
    args:
      {{- if .Values.watchNamespaces }}
      {{- range .Values.watchNamespaces }}
      - --namespace={{ . }}
      {{- end }}
      {{- else }}
      - --all-namespaces
      {{- end }}
    env:
      {{- include "forebay.operator.env" . | nindent 6 }}
    ports:
      - {name: metrics, containerPort: 8080}
      - {name: health, containerPort: 8081}
      {{- if include "forebay.progress" . }}
      - {name: progress, containerPort: 8443}
      {{- end }}
    # A new operator waits for an API server that is away: five minutes, then the kubelet starts it anew.
    startupProbe:
      httpGet: {path: /healthz, port: health}
      periodSeconds: 2
      failureThreshold: 150
    readinessProbe:
      httpGet: {path: /readyz, port: health}
      periodSeconds: 5
      timeoutSeconds: 3
    livenessProbe:
      httpGet: {path: /healthz, port: health}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      {{- include "forebay.containerSecurity" . | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {}
{{- end -}}

{{/* Security context of every pod of the chart. */}}
{{- define "forebay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Security context of every container of the chart. */}}
{{- define "forebay.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}
