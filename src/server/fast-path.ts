import type { Block } from '../core/build.ts'

/** Whether the packet cache answers for a block, and if not, which directive is the reason. For the log. */
export function describeFastPath(block: Block): string {
  const { stages } = block.chain
  const store = stages.findIndex((stage) => stage.quick?.byWorkers?.keeps === true)
  if (store < 0) return 'not served by the packet cache: there is no cache directive'
  const blind = stages.slice(0, store).find((stage) => stage.quick?.byWorkers === undefined)
  if (blind !== undefined) return `not served by the packet cache: ${blind.name} must see every query`
  return 'served by the packet cache'
}
