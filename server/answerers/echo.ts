import type { Message } from '../connection/behaviour.ts'

/** The echo's rule: a reply is a message of the same type, with a lead before the message's own bytes. */
export type Echo = {
  /** The prefix for a text, nothing for binary. */
  leadOf(isBinary: boolean): Buffer
  answer(message: Message): Message
}

const NOTHING = Buffer.alloc(0)

/** @param prefix is empty where everything is answered verbatim */
export function createEcho(prefix: string): Echo {
  const textLead = Buffer.from(prefix)
  const leadOf = (isBinary: boolean) => (isBinary ? NOTHING : textLead)
  return {
    leadOf,
    answer({ payload, isBinary }) {
      const lead = leadOf(isBinary)
      return { payload: lead.length === 0 ? payload : Buffer.concat([lead, payload]), isBinary }
    },
  }
}
