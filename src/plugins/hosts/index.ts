import type { Plugin } from '../../core/plugin.ts'
import { Hosts, reloadTime } from './hosts.ts'
import { HOSTS_TABLE, parseHosts } from './options.ts'

export const hostsPlugin: Plugin = {
  name: 'hosts',
  options: HOSTS_TABLE,
  series: (metrics) => void reloadTime(metrics),
  parse(directive, context) {
    const options = parseHosts(directive, context.zones)
    return { build: (env) => new Hosts(env, options) }
  },
}
