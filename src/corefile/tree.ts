import type { ConfigError } from './error.ts'

/** A word of a Corefile and where it stands. */
export interface Token {
  readonly text: string
  /** The main file as named at the start, or the path of an imported one. */
  readonly file: string
  /** 1-based, where the token begins. */
  readonly line: number
  /** 1-based, in characters. */
  readonly column: number
  /** Line breaks inside a quoted token. */
  readonly breaks: number
  /** A directive's name as the file has it, before the environment is put in. */
  readonly written?: string
  /** Begins a line whatever its number: the first word of an import, or the first behind one. */
  readonly fresh?: true
}

/** A directive's line, or a line inside its block: a word, its arguments, and what stands between its braces. */
export interface Line {
  readonly token: Token
  readonly args: readonly Token[]
  /** Undefined when there are no braces. */
  readonly block?: readonly Line[]
  /** The brace that closes the block. */
  readonly close?: Token
}

/** All uses of one directive in one server block, in the order of the file. */
export interface Directive {
  readonly name: string
  /** The word at its first use. */
  readonly token: Token
  readonly lines: readonly Line[]
}

export type Scheme = 'dns' | 'tls' | 'quic' | 'grpc' | 'https' | 'https3'

/** One zone at one port, from a key such as `tls://example.org:853`. A CIDR key makes several. */
export interface Key {
  readonly scheme: Scheme
  /** Lower-cased and absolute. */
  readonly zone: string
  readonly port: number
  /** As written. */
  readonly text: string
  readonly token: Token
}

export interface ServerBlock {
  readonly keys: readonly Key[]
  /** In order of execution, not of the file. */
  readonly directives: readonly Directive[]
}

/** What could be made of a Corefile, and every mistake in keys and directives' names, in the order of the file. */
export interface Inspected {
  readonly blocks: readonly ServerBlock[]
  readonly errors: readonly ConfigError[]
}

export interface Corefile {
  /** Throws the first of `inspect`'s errors; mistakes of syntax have been met before. */
  blocks(): readonly ServerBlock[]
  /** All mistakes at once: the blocks are then without the keys and directives that have one. */
  inspect(): Inspected
  /** The main file as it was read. */
  readonly text: string
  /** What deserves a warning but no refusal, each with its place. */
  readonly warnings: readonly string[]
  /** SHA-512 in hexadecimal over keys and tokens with their lines, equal to what CoreDNS computes (specification 14.1). */
  readonly hash: string
}
