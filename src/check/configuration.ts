import { parseIp } from '../base/ip.ts'
import type { Block } from '../core/build.ts'
import { lowerName, type Name } from '../wire/name.ts'
import type { Directive, ServerBlock, Token } from '../corefile/tree.ts'
import type { InterfaceAddress } from '../core/env.ts'

/** What rules look at: all blocks, as far as they could be read. */
export interface Configuration {
  readonly blocks: readonly CheckedBlock[]
  /** Of the machine on which the check runs. */
  readonly interfaces: readonly InterfaceAddress[]
}

/** What a rule has found, at a token. */
export interface Warning {
  readonly token: Token
  readonly message: string
  readonly remedy: string
}

/** Something that is allowed and still bites. */
export interface Rule {
  /** Stable; the finding's code. */
  readonly code: string
  look(configuration: Configuration): Warning[]
}

/** A server block with what could be made of it. */
export class CheckedBlock {
  readonly source: ServerBlock
  readonly zones: readonly Name[]
  /** Undefined when something in the block is wrong. */
  readonly built: Block | undefined
  readonly #sound: ReadonlySet<Directive>

  /** `sound`: directives that parse. */
  constructor(source: ServerBlock, sound: ReadonlySet<Directive>, built: Block | undefined) {
    this.source = source
    this.zones = [...new Set(source.keys.map((key) => key.zone))]
    this.built = built
    this.#sound = sound
  }

  /** The directive stands here, right or wrong. */
  has(name: string): boolean {
    return this.source.directives.some((directive) => directive.name === name)
  }

  /** The directive, if it stands here and can be parsed. */
  sound(name: string): Directive | undefined {
    return this.source.directives.find((directive) => directive.name === name && this.#sound.has(directive))
  }

  /** The block's first key: where warnings about the whole block stand. */
  get token(): Token | undefined {
    return this.source.keys[0]?.token
  }

  get ports(): readonly number[] {
    return [...new Set(this.source.keys.map((key) => key.port))]
  }

  /** Words of `bind`, sorted; empty for every address. */
  get bound(): readonly string[] {
    const lines = this.source.directives.find((directive) => directive.name === 'bind')?.lines ?? []
    return [...new Set(lines.flatMap((line) => line.args.map((arg) => arg.text)))].sort()
  }

  /** True when `zone` is one of the block's own or below it. */
  covers(zone: Name): boolean {
    const name = lowerName(zone)
    return this.zones.some((own) => own === '.' || name === own || name.endsWith(`.${own}`))
  }
}

/** As the kernel takes them (dev_valid_name): 15 octets at most, no slash, no blank, no colon. */
export function isInterfaceName(word: string): boolean {
  return parseIp(word) === undefined && /^[A-Za-z][\w.-]{0,14}$/.test(word)
}
