/** Waits until `holds`; rejects when it does not within `ms`. */
export async function until(holds: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  for (const end = Date.now() + ms; !await holds();) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
