/** Label selectors in the text form of the Kubernetes API: `a=b,c!=d,e in (f,g),!h,i`. */
export interface Selector {
  /** As written, for the API's `labelSelector` parameter. */
  readonly text: string
  matches(labels: Readonly<Record<string, string>>): boolean
}

type Requirement = (labels: Readonly<Record<string, string>>) => boolean

const KEY = '[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?'
const VALUE = '([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?'
const EQUALITY = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`)
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`)
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`)

/** Throws Error that says which part is wrong. An empty selector matches everything. */
export function parseSelector(text: string): Selector {
  const requirements = splitOutside(text).map((part) => part.trim()).filter((part) => part !== '').map(parseRequirement)
  return { text, matches: (labels) => requirements.every((requirement) => requirement(labels)) }
}

function parseRequirement(part: string): Requirement {
  const equality = EQUALITY.exec(part)
  if (equality !== null) {
    const [, key, , operator, value] = equality
    return operator === '!=' ? (labels) => labels[key!] !== value : (labels) => labels[key!] === value
  }
  const set = SET.exec(part)
  if (set !== null) return inSet(set[1]!, set[3]!, set[4]!, part)
  const exists = EXISTS.exec(part)
  if (exists !== null) return exists[1] === '!' ? (labels) => !Object.hasOwn(labels, exists[2]!) : (labels) => Object.hasOwn(labels, exists[2]!)
  throw new Error(`"${part}" is no label requirement; write key=value, key!=value, key in (a,b), key notin (a,b), key or !key`)
}

function inSet(key: string, operator: string, list: string, part: string): Requirement {
  const values = list.split(',').map((value) => value.trim())
  const valid = new RegExp(`^${VALUE}$`)
  if (!values.every((value) => valid.test(value))) throw new Error(`"${part}": not all of the values are label values`)
  return operator === 'in'
    ? (labels) => Object.hasOwn(labels, key) && values.includes(labels[key]!)
    : (labels) => !Object.hasOwn(labels, key) || !values.includes(labels[key]!)
}

/** At commas that are in no parentheses. */
function splitOutside(text: string): string[] {
  const parts = ['']
  let depth = 0
  for (const char of text) {
    if (char === '(') depth++
    if (char === ')') depth--
    if (char === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts
}
