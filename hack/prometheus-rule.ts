/** Writes the rules once more as the Prometheus operator takes them: manifests/observability/rules.yaml → monitors/prometheus-rule.yaml. */
import { readFileSync, writeFileSync } from 'node:fs'

const FOLDER = new URL('../manifests/observability/', import.meta.url)

/** `rules`: text of a file of rules, whose comments come along. */
export function prometheusRule(rules: string): string {
  const indented = rules.trimEnd().split('\n').map((line) => (line === '' ? line : `  ${line}`)).join('\n')
  return `# Made of ../rules.yaml by hack/prometheus-rule.ts.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: hearth
  labels: { app.kubernetes.io/name: hearth }
spec:
${indented}
`
}

if (import.meta.main) writeFileSync(new URL('monitors/prometheus-rule.yaml', FOLDER), prometheusRule(readFileSync(new URL('rules.yaml', FOLDER), 'utf8')))
