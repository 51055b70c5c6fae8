/** Go's flag syntax for commander: one dash or two, `-name=value` or `-name value`; what follows `--` is left alone. */
export function fromGoFlags(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  return args.map((arg, i) => ((end < 0 || i < end) && /^-[a-zA-Z][\w.-]+(=|$)/.test(arg) ? `-${arg}` : arg))
}
