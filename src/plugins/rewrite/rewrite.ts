import type { Env } from '../../core/env.ts'
import { mirrorOpt } from '../../core/mirror-opt.ts'
import { DONE, NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import type { Message, Question, ResourceRecord } from '../../wire/message.ts'
import { parseName, type Name } from '../../wire/name.ts'
import { nameRdata, targetOf } from '../../wire/rdata.ts'
import type { ReplyEdit, Rule } from './rule.ts'

interface Rewritten {
  /** What the client asked, which its reply must say. */
  readonly question: Question
  readonly edits: readonly ReplyEdit[]
}

/** Changes questions on the way down and replies on the way up (specification 3.7, 11.8). */
export class Rewrite implements Stage {
  readonly name = 'rewrite'
  readonly #env: Env
  readonly #rules: readonly Rule[]
  readonly #rewritten: Slot<Rewritten>

  constructor(env: Env, rules: readonly Rule[]) {
    this.#env = env
    this.#rules = rules
    this.#rewritten = env.slot()
  }

  query(q: Query): Verdict | Promise<Verdict> {
    const { question } = q
    const edits: ReplyEdit[] = []
    let stopped = false
    for (const rule of this.#rules) {
      const made = rule.apply(q)
      if (made === undefined) continue
      if (parseName(q.question.name) === undefined) return refuse(q, question)
      edits.push(...made)
      stopped = rule.mode === 'stop'
      if (stopped) break
    }
    // Rules that only continued, and want nothing of the reply, leave even the question as they made it.
    if (!stopped && edits.length === 0) return NEXT
    const rewritten = { question, edits }
    if (edits.some((edit) => edit.retarget !== undefined)) return this.#askAndRetarget(q, rewritten)
    this.#rewritten.set(q, rewritten)
    return NEXT
  }

  reply(q: Query): void {
    const rewritten = this.#rewritten.get(q)
    if (rewritten !== undefined) applyEdits(q, rewritten, this.#env.echoed)
  }

  /** CNAME rules look names up, so the rest of the chain is asked from here. */
  async #askAndRetarget(q: Query, rewritten: Rewritten): Promise<Verdict> {
    const answer = await this.#env.ask(q, { scope: 'below' })
    if (answer.written) {
      q.adopt(answer.message)
      for (const edit of rewritten.edits) if (edit.retarget !== undefined) await this.#retarget(q, edit.retarget)
    } else q.fail(answer.message.rcode, answer.error, answer.extendedError)
    q.error = answer.error
    applyEdits(q, rewritten, this.#env.echoed)
    return DONE
  }

  /** The first CNAME whose target matches leads elsewhere; what followed it is replaced by what is found there. */
  async #retarget(q: Query, retarget: (target: Name) => Name | undefined): Promise<void> {
    const { reply } = q
    const at = reply.answers.findIndex((record) => record.type === TYPE.CNAME && retarget(targetOf(record.type, record.rdata)!) !== undefined)
    if (at < 0) return
    const alias = reply.answers[at]!
    const target = retarget(targetOf(alias.type, alias.rdata)!)!
    const found = await this.#env.ask(q, { scope: 'server', question: { name: target, type: q.question.type, class: CLASS.IN } })
    if (!found.written) {
      this.#env.log.error(`upstream lookup failed: ${found.error?.message ?? `rcode ${found.message.rcode}`}`)
      return
    }
    const before = reply.answers.slice(0, at).filter((record) => record.type === TYPE.CNAME)
    reply.answers = [...before, { ...alias, rdata: nameRdata(target) }, ...found.message.answers]
    reply.tc = found.message.tc
  }
}

function refuse(q: Query, question: Question): Verdict {
  const error = new Error(`invalid name after rewrite: ${q.question.name}`)
  q.question = question
  q.fail(RCODE.SERVFAIL, error)
  return DONE
}

/** Gives the client its question back and undoes in the reply, last rule first, what the rules did. */
function applyEdits(q: Query, { question, edits }: Rewritten, echoed: Env['echoed']): void {
  if (!q.written) {
    const { error, reply } = q
    q.begin(reply.rcode)
    mirrorOpt(q, echoed)
    // Its options are left out of the query as well, where `log` counts its octets.
    if (q.request.edns !== undefined) q.request.edns = { ...q.request.edns, options: q.reply.edns?.options ?? [] }
    q.error = error
  }
  const { reply } = q
  reply.questions = [question]
  const reversed = edits.toReversed()
  reply.authorities = edited(reply.authorities, reversed)
  reply.answers = edited(reply.answers, reversed)
  reply.additionals = edited(reply.additionals, reversed)
  for (const edit of reversed) editMessage(q, reply, edit)
}

function editMessage(q: Query, reply: Message, edit: ReplyEdit): void {
  edit.message?.(reply)
  if (reply.edns !== undefined && edit.opt !== undefined) reply.edns = edit.opt(reply.edns)
  if (reply.edns !== undefined && edit.edns !== undefined) reply.edns = edit.edns(reply.edns)
  if (q.request.edns !== undefined && edit.edns !== undefined) q.request.edns = edit.edns(q.request.edns)
}

function edited(records: readonly ResourceRecord[], edits: readonly ReplyEdit[]): ResourceRecord[] {
  return records.map((record) => edits.reduce((current, edit) => edit.record?.(current) ?? current, record))
}
