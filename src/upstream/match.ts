import type { Message } from '../wire/message.ts'
import { equalNames } from '../wire/name.ts'

/** True when a message answers the question that was asked: a reply with that one name, type and class. */
export function answersQuestion(request: Message, reply: Message): boolean {
  const asked = request.questions[0]
  const got = reply.questions[0]
  if (!reply.qr || asked === undefined || got === undefined || reply.questions.length !== 1) return false
  return asked.type === got.type && asked.class === got.class && equalNames(asked.name, got.name)
}
