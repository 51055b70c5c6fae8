/** Exit statuses of the commands: what was looked for is well, is not, or could not be looked for. */
export const EXIT = { OK: 0, FOUND: 1, USAGE: 2 } as const

/** The command line, or a file or program that it names, makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Runs a command and ends the process with its status; what it has printed is written out before. */
export async function ends(run: () => number | Promise<number>): Promise<void> {
  let status: number
  try {
    status = await run()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`error: ${error.message}\n`)
    status = EXIT.USAGE
  }
  process.exitCode = status
}
