{{- define "hearth.image" -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "hearth.seccomp" -}}
{{- with .Values.seccomp.localhostProfile -}}
{{ dict "type" "Localhost" "localhostProfile" . | toJson }}
{{- else -}}
{ type: RuntimeDefault }
{{- end }}
{{- end }}

{{- define "hearth.node.args" -}}
{{- $files := list "-conf" "/run/hearth/Corefile" "-upstreamsvc" "kube-dns-upstream" "-pidfile" "/run/hearth/hearth-node.pid" "-probe-files" "/run/hearth/probes" -}}
{{- if eq .Values.node.mode "cilium" -}}
{{ concat (list "-localip" "0.0.0.0" "-proxy-mode=none" "-setupinterface=false" "-setupiptables=false") $files | toJson }}
{{- else if eq .Values.node.mode "ipvs" -}}
{{ concat (list "-localip" .Values.node.localAddress) $files | toJson }}
{{- else -}}
{{ concat (list "-localip" (printf "%s,%s" .Values.node.localAddress .Values.clusterDns)) $files | toJson }}
{{- end }}
{{- end }}

{{- define "hearth.node.corefile" -}}
{{- $cilium := eq .Values.node.mode "cilium" -}}
{{- $bind := ternary "0.0.0.0" "__PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__" $cilium -}}
{{ .Values.clusterDomain }}:53 {
    errors
{{- if .Values.node.autopathPods }}
    autopath @pods
{{- end }}
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind {{ $bind }}
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    health{{ if not $cilium }} {{ .Values.node.localAddress }}:8080{{ end }}
    }
{{- range list "in-addr.arpa" "ip6.arpa" }}
{{ . }}:53 {
    errors
    cache 30
    reload
    loop
    bind {{ $bind }}
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
{{- end }}
.:53 {
    errors
    cache 30
    reload
    loop
    bind {{ $bind }}
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }
{{ end }}
