import { parseForward } from '../../plugins/forward/options.ts'
import type { Rule } from '../configuration.ts'

/** A resolv.conf may name the program itself, today or after the node's next change. */
export const missingLoop: Rule = {
  code: 'missing-loop',
  look: ({ blocks }) => blocks.flatMap((block) => {
    const forward = block.sound('forward')
    if (forward === undefined || block.has('loop')) return []
    const line = forward.lines.find((candidate) => parseForward(candidate).targets.some((target) => target.kind === 'file-or-name'))
    if (line === undefined) return []
    return [{ token: line.token, message: `forward to ${line.args[1]!.text} without loop: if a server listed there leads back here, every query runs in circles until memory is full`, remedy: 'add "loop" to this block' }]
  }),
}
