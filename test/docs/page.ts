/**
 * Runs what a page of docs shows, in a folder of its own, from top to bottom:
 *
 *     ```corefile file=Corefile     a file
 *     ```console                    `$ COMMAND` and what it prints; `…` stands for any text, alone in a line for any lines. A command
 *                                   that ends in ` &` runs until the page ends, and is waited for until it says that it is ready.
 *
 * Ports that a page names are replaced by free ones.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'

const HACK = fileURLToPath(new URL('../../hack', import.meta.url))
const START_MS = 30_000
const COMMAND_MS = 60_000

interface Fence {
  readonly line: number
  readonly language: string
  readonly file: string | undefined
  readonly lines: readonly string[]
}

interface Step {
  readonly line: number
  readonly command: string
  readonly expected: string[]
}

export class DocsPage {
  readonly #fences: readonly Fence[]
  readonly #folder = mkdtempSync(join(tmpdir(), 'hearth-docs-'))
  readonly #ports = new Map<string, number>()
  readonly #programs: Program[] = []

  constructor(text: string) {
    this.#fences = fencesOf(text)
  }

  /** `ports`: as the page writes them. */
  async run(ports: readonly string[]): Promise<number> {
    for (const port of ports) this.#ports.set(port, await freePort())
    let commands = 0
    try {
      for (const fence of this.#fences) {
        if (fence.file !== undefined) this.#write(fence.file, fence.lines)
        if (fence.language !== 'console') continue
        for (const step of stepsOf(fence)) {
          await this.#step(step)
          commands++
        }
      }
    } finally {
      for (const program of this.#programs) await program.stop()
      rmSync(this.#folder, { recursive: true, force: true })
    }
    return commands
  }

  #write(file: string, lines: readonly string[]): void {
    const path = join(this.#folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${this.#real(lines.join('\n'))}\n`)
  }

  async #step({ line, command, expected }: Step): Promise<void> {
    const real = this.#real(command)
    if (real.endsWith(' &')) return this.#background(real.slice(0, -2), line)
    const output = await this.#output(real)
    const wanted = this.#real(expected.join('\n'))
    assert.match(output.trimEnd(), pattern(wanted), `line ${line}: ${command}\nprinted:\n${output}\nexpected:\n${wanted}`)
  }

  async #background(command: string, line: number): Promise<void> {
    const program = Program.start(`${HACK}/${command}`, { cwd: this.#folder })
    this.#programs.push(program)
    await until(() => / ready /.test(program.output) || program.ended, START_MS)
    assert.equal(program.ended, false, `line ${line}: ${command}: ${program.output}`)
  }

  /** Standard output and standard error together, as a terminal shows them. */
  #output(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn('bash', ['-c', `exec 2>&1; ${command}`], { cwd: this.#folder, timeout: COMMAND_MS, env: { ...process.env, PATH: `${HACK}:${process.env['PATH']}`, COLUMNS: '120' } })
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString() })
      child.on('error', reject)
      child.on('close', () => resolve(text))
    })
  }

  #real(text: string): string {
    let real = text
    for (const [shown, port] of this.#ports) real = real.replaceAll(new RegExp(`(?<!\\d)${shown}(?!\\d)`, 'g'), String(port))
    return real
  }
}

function fencesOf(text: string): Fence[] {
  const fences: Fence[] = []
  let open: { line: number; language: string; file: string | undefined; lines: string[] } | undefined
  text.split('\n').forEach((line, i) => {
    const fence = /^```(\w*)(?: file=(\S+))?$/.exec(line)
    if (fence === null) return open?.lines.push(line)
    if (open === undefined) open = { line: i + 1, language: fence[1]!, file: fence[2], lines: [] }
    else {
      fences.push(open)
      open = undefined
    }
    return undefined
  })
  return fences
}

function stepsOf(fence: Fence): Step[] {
  const steps: Step[] = []
  fence.lines.forEach((line, i) => {
    if (line.startsWith('$ ')) steps.push({ line: fence.line + i + 1, command: line.slice(2), expected: [] })
    else steps.at(-1)?.expected.push(line)
  })
  return steps
}

function pattern(expected: string): RegExp {
  const lines = expected.trimEnd().split('\n').map((line) => (line === '…' ? '(?:.*\\n)*?.*' : line.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*?')))
  return new RegExp(`^${lines.join('\\n')}$`)
}
