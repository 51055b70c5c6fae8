import { TemplateError, type Functions } from './go-template.ts'

/** What CoreDNS adds to Go's own functions: `parseInt TEXT BASE BITS`, without a sign. */
export const TEMPLATE_FUNCTIONS: Functions = {
  parseInt(text, base, bits) {
    const digits = String(text).toLowerCase()
    const radix = Number(base) === 0 ? 10 : Number(base)
    const value = Number.parseInt(digits, radix)
    if (!(radix >= 2 && radix <= 36) || digits === '' || ![...digits].every((digit) => Number.parseInt(digit, radix) >= 0)) throw new TemplateError(`parseInt: "${String(text)}" is no number in base ${radix}`)
    if (value >= 2 ** (Number(bits) || 64)) throw new TemplateError(`parseInt: ${String(text)} does not fit ${String(bits)} bits`)
    return value
  },
}
