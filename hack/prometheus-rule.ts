/** Writes the rules of manifests/observability/rules.yaml where else they are wanted: as the Prometheus operator takes them, and into the chart. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'

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

if (import.meta.main) {
  const rules = new URL('rules.yaml', FOLDER)
  writeFileSync(new URL('monitors/prometheus-rule.yaml', FOLDER), prometheusRule(readFileSync(rules, 'utf8')))
  // A chart has no files from outside of its folder.
  copyFileSync(rules, new URL('../chart/files/rules.yaml', FOLDER))
}
