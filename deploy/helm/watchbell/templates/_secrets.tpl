{{/* The names of all secrets that are mounted, each once, as a JSON list. */}}
{{- define "watchbell.secrets" -}}
{{- concat (list .Values.database.secret .Values.nats.secret .Values.adminKey.secret) .Values.secrets | uniq | compact | toJson }}
{{- end }}
