/**
 * Imported by both programs before anything that costs. V8 takes the heap's limit at its start and never again, and without one lets
 * garbage and pages that it may want later grow far beyond what is held (143 MB of its own instead of 99 under a flood of 20,000 new
 * names a second with a budget of 128 MiB). So where Node was started without one, the program starts itself anew with it, in the same
 * process. The images' entry points give a percentage of the container's limit, which is right unless `-memory-budget` says otherwise.
 */
import { heapFlags } from './heap-flags.ts'
import { cgroupLimit } from './memory-budget.ts'

const flags = heapFlags(process.execArgv, process.argv.slice(2), cgroupLimit())
if (flags !== undefined) process.execve?.(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)], process.env)
