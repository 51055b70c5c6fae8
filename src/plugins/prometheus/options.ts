import { OPENMETRICS_FORMS } from '../../core/exposition.ts'
import { flag, oneOf, row } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'

export const PROMETHEUS_TABLE = {
  runtime_metrics: flag({ help: 'taken for compatibility: the metrics of Node\'s runtime are always exported' }),
  tls: row<Token | undefined>({
    form: 'FILE', help: 'serve over TLS as this web configuration of Prometheus\'s exporters says: cert_file, key_file, client_ca_file, client_auth_type; the files are read again when they change',
    initial: undefined, read: ([arg]) => arg,
  }),
  bearer: row<Token | undefined>({ form: 'FILE', help: 'serve only those who send the token in this file (Authorization: Bearer), which is read anew each time', initial: undefined, read: ([arg]) => arg }),
  openmetrics: oneOf(OPENMETRICS_FORMS, { initial: 'on', help: 'answer in OpenMetrics those who ask for it (default on); exemplars adds the last name asked to each bucket of durations' }),
}
