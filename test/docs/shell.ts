/** What pages tell people to type: commands in fences marked `sh`, and in code between backticks. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const PAGES: readonly string[] = ['README.md', ...globSync('docs/**/*.md', { cwd: ROOT }).sort()]

/** Programs that commands of ours begin with; what else stands between backticks is no command. */
const PROGRAMS = ['hearth-node', 'hearth-cluster', 'kubectl', 'helm', 'docker', 'skopeo', 'kind', 'ctr', 'dig', 'curl', 'conntrack', 'nft']

export interface Typed {
  /** `docs/x.md:12` */
  readonly place: string
  readonly words: readonly string[]
}

/** Every command of a page but those of `console` fences, which DocsPage runs. */
export function commandsOf(page: string): Typed[] {
  const typed: Typed[] = []
  let fence: string | undefined
  readFileSync(`${ROOT}/${page}`, 'utf8').split('\n').forEach((line, i) => {
    const place = `${page}:${i + 1}`
    const mark = /^```(\w*)/.exec(line)
    if (mark !== null) fence = fence === undefined ? mark[1]! : undefined
    else if (fence === 'sh') typed.push(...commandsIn(line, place))
    else if (fence === undefined) for (const [, code] of line.matchAll(/`([^`]+)`/g)) typed.push(...inline(code!, place))
  })
  return typed
}

function inline(code: string, place: string): Typed[] {
  const [first, second] = code.split(' ')
  const isCommand = first!.startsWith('./hack/') || (PROGRAMS.includes(first!) && second !== undefined)
  return isCommand ? commandsIn(code, place) : []
}

/** A line's commands: what `|`, `&&` and `--` of kubectl exec divide, without comments and redirections. */
function commandsIn(line: string, place: string): Typed[] {
  const plain = line.replace(/(^|\s)#.*$/, '').replaceAll(/\s[12]?>>?\s*\S+/g, '')
  return plain.split(/\s(?:\||&&|;)\s/).flatMap((part) => {
    const words = wordsOf(part.trim().replace(/^source <\((.*)\)$/, '$1'))
    const inner = words[0] === 'kubectl' ? words.indexOf('--') : -1
    const all = inner < 0 ? [words] : [words.slice(0, inner), words.slice(inner + 1)]
    return all.filter((each) => each.length > 0).map((each) => ({ place, words: each }))
  })
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|"([^"]*)"|((?:[^\s'"]|'[^']*'|"[^"]*")+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!)
}
