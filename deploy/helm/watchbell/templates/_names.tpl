{{/* What everything of a release is called. */}}
{{- define "watchbell.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What selects all pods of a release; these never change. */}}
{{- define "watchbell.selector" -}}
app.kubernetes.io/name: watchbell
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "watchbell.labels" -}}
{{ include "watchbell.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "watchbell.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "watchbell.name" .) }}
{{- end }}
