import type { Plugin } from '../../src/core/plugin.ts'

/** What the commands know of the program that they belong to. */
export interface Tool {
  /** `hearth-cluster`, `hearth-node`. */
  readonly name: string
  readonly version: string
  readonly plugins: readonly Plugin[]
  /** Where the running program answers, unless `--admin` says otherwise. */
  readonly adminAddress: string
  /** Makes a Corefile of a template, with values that stand for those of a node; line by line. */
  expandTemplate?(text: string): string
}
