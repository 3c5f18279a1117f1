{{- define "cpo.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "cpo.selector" -}}
app.kubernetes.io/name: cpu-profile-operator
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "cpo.labels" -}}
{{ include "cpo.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- /* Cluster-scoped names carry the namespace, so that two releases in two namespaces do not collide. */ -}}
{{- define "cpo.clusterName" -}}
{{ printf "%s:%s" .root.Release.Namespace (include "cpo.name" .) }}
{{- end }}

{{- define "cpo.name" -}}
{{ printf "%s-%s" (.root.Release.Name | trunc 40 | trimSuffix "-") .component }}
{{- end }}
