import { ConfigError } from '../../corefile/error.ts'
import { checkCount, onlyLine, oneOf, placeOf, readOptions, row } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'

const TLS_TABLE = {
  client_auth: oneOf(['nocert', 'request', 'require', 'verify_if_given', 'require_and_verify'] as const, {
    initial: 'nocert',
    help: 'whether clients show a certificate, and whether it must be signed by CA (default nocert)',
    unknown: (word) => `unknown authentication type '${word}'`,
  }),
  keylog: row<string | undefined>({ form: 'FILE', help: 'write the secrets of every connection to a file, for looking into traffic with other tools', initial: undefined, read: ([arg]) => arg!.text }),
}

export const tlsPlugin: Plugin = {
  name: 'tls',
  options: TLS_TABLE,
  parse(directive) {
    const line = onlyLine(directive.lines, 'tls')
    const place = placeOf('tls', line.token)
    if (line.args.length === 0) throw new ConfigError(line.token, 'tls', 'certificates from ACME are not supported; give the files CERT and KEY')
    checkCount(line.args, 2, 3, place)
    const [cert, key, ca] = line.args.map((token) => token.text)
    const { client_auth: clientAuth, keylog } = readOptions(line.block, TLS_TABLE, 'tls')
    return { settings: { tls: { token: line.args[0]!, cert: cert!, key: key!, ca, clientAuth, keylog } } }
  },
}
