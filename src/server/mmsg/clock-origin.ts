/** What the clock that all threads of a process share says when this thread's own says zero, in milliseconds. */
export function clockOriginMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6 - performance.now()
}
