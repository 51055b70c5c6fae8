import { Command } from 'commander'
import { cleanUp } from '../../src/node/cleanup.ts'
import { ends, EXIT, UsageError } from '../commands/exit.ts'

/** Takes away what agents have left on the node. */
export function cleanupCommand(): Command {
  return new Command('cleanup')
    .description('take away all that agents have left on this node: tables, rules, addresses; refuses while one lives')
    .option('--node-cache', 'also the iptables-nft rules and the link of node-cache')
    .option('--interfacename <name>', 'also the link that agents were told to use')
    .addHelpText('after', '\nExit status: 0 when nothing is left, 1 when an agent lives, 2 when the kernel refuses.')
    .action((options: { readonly nodeCache?: boolean; readonly interfacename?: string }) => ends(() => run(options.nodeCache === true, options.interfacename)))
}

async function run(nodeCache: boolean, interfaceName: string | undefined): Promise<number> {
  const outcome = await cleanUp({ nodeCache, interfaceName }).catch((error: Error) => {
    throw new UsageError(error.message)
  })
  if (outcome.kind === 'refused') {
    process.stderr.write(`an agent lives on this node: pid ${outcome.pids.join(', ')}. End it first; it takes its own rules and addresses with it\n`)
    return EXIT.FOUND
  }
  for (const what of outcome.removed) process.stdout.write(`removed ${what}\n`)
  if (outcome.removed.length === 0) process.stdout.write('nothing to remove\n')
  if (outcome.advice !== undefined) process.stdout.write(`${outcome.advice}\n`)
  return EXIT.OK
}
