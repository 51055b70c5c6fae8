/** What Node keeps a socket's descriptor in; it has no public name for it. */
export interface Handle {
  readonly fd?: number
}

/** The descriptor of a `net.Server` or `dgram.Socket` of this process; undefined when it is closed. */
export function descriptorOf(socket: object): number | undefined {
  const fd = handleOf(socket)?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}

/** `_handle` of a `dgram.Socket` would warn. Its `fd` is -1 once it is closed. */
export function handleOf(socket: object): Handle | undefined {
  const state = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === 'state symbol')
  if (state === undefined) return (socket as { readonly _handle?: Handle | null })._handle ?? undefined
  return (socket as Readonly<Record<symbol, { readonly handle?: Handle } | undefined>>)[state]?.handle
}
