/**
 * Imported before anything else by both programs. A SIGUSR1 that finds no handler would make Node open its inspector on the host's
 * network, and Node's own switch against that, --disable-sigusr1, blocks the signal so that no handler ever sees it (tried on 24.21).
 * Until the program listens for itself, what arrives is remembered here.
 */
const early: NodeJS.Signals[] = []
const remember = (signal: NodeJS.Signals) => {
  if (early.length < 8) early.push(signal)
}
const SIGNALS = ['SIGUSR1', 'SIGHUP'] as const
for (const signal of SIGNALS) process.on(signal, remember)

/** Ends the remembering and gives what came. */
export function takeEarlySignals(): readonly NodeJS.Signals[] {
  for (const signal of SIGNALS) process.off(signal, remember)
  return early.splice(0)
}
