import type { Command } from 'commander'
import { checkCommand } from './check.ts'
import { completionCommand } from './completion.ts'
import { explainCommand } from './explain.ts'
import { EXIT } from './exit.ts'
import { queryCommand } from './query.ts'
import { slowCommand } from './slow.ts'
import { topCommand } from './top.ts'
import type { Tool } from './tool.ts'
import { wasteCommand } from './waste.ts'

/** The commands that both programs have. Without one a program serves. */
export function commands(tool: Tool): Command[] {
  const all = [
    checkCommand(tool),
    explainCommand(tool),
    queryCommand(tool),
    topCommand(tool),
    wasteCommand(tool),
    slowCommand(tool),
    completionCommand(tool),
  ]
  for (const command of all) command.exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.OK : EXIT.USAGE))
  return all
}
