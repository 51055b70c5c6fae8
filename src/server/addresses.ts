import { parseIp } from '../base/ip.ts'
import { ConfigError } from '../corefile/error.ts'
import type { Token } from '../corefile/tree.ts'
import type { Host } from '../core/env.ts'
import type { BindRule } from '../core/settings.ts'

/** The literal addresses that `bind` lines name, in order and without repeats; undefined when there is no `bind`: every address. */
export function bindAddresses(rules: readonly BindRule[], host: Host): readonly string[] | undefined {
  if (rules.length === 0) return undefined
  const all = new Set<string>()
  for (const rule of rules) {
    const except = new Set(rule.except.flatMap((token) => addressesOf(token, host)))
    for (const address of rule.include.flatMap((token) => addressesOf(token, host))) {
      if (!except.has(address)) all.add(address)
    }
  }
  return [...all]
}

/** A literal address, or an interface's name for all its addresses at this moment. */
function addressesOf(token: Token, host: Host): string[] {
  if (parseIp(token.text) !== undefined || isScoped(token.text)) return [token.text]
  const found = host.addresses().filter((entry) => entry.link === token.text)
  if (found.length === 0) {
    throw new ConfigError(token, 'bind', `not a valid IP address or interface name: "${token.text}"; interfaces here: ${linkNames(host)}`)
  }
  return found.map((entry) => entry.address.startsWith('fe80:') ? `${entry.address}%${entry.link}` : entry.address)
}

function isScoped(text: string): boolean {
  const percent = text.indexOf('%')
  return percent > 0 && parseIp(text.slice(0, percent)) !== undefined
}

function linkNames(host: Host): string {
  return [...new Set(host.addresses().map((entry) => entry.link))].join(', ')
}
