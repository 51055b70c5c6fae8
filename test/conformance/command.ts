import { fileURLToPath } from 'node:url'

/** Our program, from the checkout. */
export const OUR_COMMAND = `${process.execPath} ${fileURLToPath(new URL('../../cmd/hearth-cluster/main.ts', import.meta.url))} -conf {conf} -dns.port {port}`
