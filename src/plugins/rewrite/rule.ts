import type { Query } from '../../core/query.ts'
import type { Edns, Message, ResourceRecord } from '../../wire/message.ts'
import type { Name } from '../../wire/name.ts'

/** What one rule does to the reply, if it did something to the request. Applied in the reverse order of the rules. */
export interface ReplyEdit {
  /** A record in place of another; the same when nothing changes. */
  record?(record: ResourceRecord): ResourceRecord
  /** The reply's OPT, and the client's that it is made from. */
  edns?(edns: Edns): Edns
  /** The OPT as if it were a record with a TTL (specification 17.12). */
  opt?(edns: Edns): Edns
  message?(reply: Message): void
  /** Another target for a CNAME, which then has to be looked up; undefined to leave it. */
  retarget?(target: Name): Name | undefined
}

export interface Rule {
  /** `stop` ends the rules once this one matched. */
  readonly mode: 'stop' | 'continue'
  /** Edits the request. Undefined when the rule does not match. */
  apply(q: Query): readonly ReplyEdit[] | undefined
}
