import type { Plugin } from '../../core/plugin.ts'
import { Acl } from './acl.ts'
import { ACL_TABLE, parseAcl } from './options.ts'

export const aclPlugin: Plugin = {
  name: 'acl',
  options: ACL_TABLE,
  parse(directive, context) {
    const rules = parseAcl(directive, context.zones)
    return { build: (env) => new Acl(env, rules) }
  },
}
