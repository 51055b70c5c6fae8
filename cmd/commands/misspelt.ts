import type { Command } from 'commander'
import { nearest } from '../../src/corefile/directives.ts'
import { EXIT } from './exit.ts'

/** A first word that is neither flag nor command is a misspelt command, and ends the process with what it may have meant. */
export function refuseMisspelt(program: Command, args: readonly string[]): void {
  const [word] = args
  const known = [...program.commands.map((command) => command.name()), 'help']
  if (word === undefined || word.startsWith('-') || known.includes(word)) return
  const near = nearest(word, known)
  process.stderr.write(`error: "${word}" is no command; ${near === undefined ? `commands are ${known.join(', ')}; a Corefile is named by -conf` : `did you mean "${near}"?`}\n`)
  process.exit(EXIT.USAGE)
}
