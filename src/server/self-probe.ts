import { randomBytes } from 'node:crypto'
import { replyTo } from '../core/query.ts'
import { CLASS, RCODE, TYPE } from '../wire/codes.ts'
import type { Message } from '../wire/message.ts'
import { equalNames, isSubdomain, parentOf, type Name } from '../wire/name.ts'

/** Under no real root; class CH, so that no cache and no zone ever holds it. */
const PROBES: Name = 'hearth-probe.'

/**
 * Questions by which a process asks itself, through its own sockets, whether it answers. Each process has a name that only it knows:
 * one that shares the port with another sees who answered. Answered before any zone, never counted, never logged.
 */
export class SelfProbe {
  readonly #name: Name = `${randomBytes(8).toString('hex')}.${PROBES}`

  /** A name never asked before. */
  newName(): Name {
    return `${randomBytes(6).toString('hex')}.${this.#name}`
  }

  /** NOERROR for our own probes, REFUSED for those of another process, undefined for every other question. */
  answer(request: Message): Message | undefined {
    const question = request.questions[0]
    if (question === undefined || question.class !== CLASS.CH || !isSubdomain(question.name, PROBES)) return undefined
    return replyTo(request, question.type === TYPE.TXT && equalNames(parentOf(question.name), this.#name) ? RCODE.NOERROR : RCODE.REFUSED)
  }
}
