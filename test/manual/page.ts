/** A plugin's manual page (src/plugins/NAME/README.md) as a test reads it. */

/** Headings of every page, in this order. */
export const HEADINGS = ['Name', 'Description', 'Syntax', 'Options', 'Examples', 'Metrics', 'Ready', 'Deviations'] as const

export interface Page {
  readonly title: string
  /** Heading → its text. */
  readonly sections: ReadonlyMap<string, string>
  readonly examples: readonly Example[]
}

export interface Fence {
  readonly language: string
  /** What follows the language, such as `file=/etc/hosts`. */
  readonly info: Readonly<Record<string, string>>
  readonly lines: readonly string[]
  /** Line of the page where it begins, for messages. */
  readonly line: number
}

/** A Corefile and the fences after it, up to the next Corefile. */
export interface Example {
  readonly corefile: Fence
  readonly others: readonly Fence[]
}

export function parsePage(text: string): Page {
  const sections = new Map<string, string>()
  const fences: Fence[] = []
  let title = ''
  let heading = ''
  let open: { language: string; info: Record<string, string>; lines: string[]; line: number } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    if (open !== undefined) {
      if (line === '```') {
        fences.push(open)
        open = undefined
      } else open.lines.push(line)
    } else if (line.startsWith('```')) {
      const [language, ...info] = line.slice(3).split(' ')
      open = { language: language!, info: Object.fromEntries(info.map((word) => word.split('=') as [string, string])), lines: [], line: index + 1 }
    } else if (line.startsWith('# ')) title = line.slice(2)
    else if (line.startsWith('## ')) heading = line.slice(3)
    if (heading !== '' && !line.startsWith('## ')) sections.set(heading, `${sections.get(heading) ?? ''}${line}\n`)
  }
  if (open !== undefined) throw new Error(`line ${open.line}: the fence is not closed`)
  return { title, sections, examples: examplesOf(fences) }
}

function examplesOf(fences: readonly Fence[]): Example[] {
  const examples: { corefile: Fence; others: Fence[] }[] = []
  for (const fence of fences) {
    if (fence.language === 'corefile') examples.push({ corefile: fence, others: [] })
    else if (fence.language !== '') examples.at(-1)?.others.push(fence)
  }
  return examples
}
