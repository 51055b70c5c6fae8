/** Does the work with so many at once. */
export async function inParallel<T>(work: readonly T[], jobs: number, task: (item: T) => Promise<void>): Promise<void> {
  const queue = [...work]
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item)
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}
