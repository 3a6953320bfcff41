import type { Message } from '../connection/behaviour.ts'

const NOTHING = Buffer.alloc(0)

/**
 * The echo's rule: a reply is a message of the same type, with a lead before the message's own bytes.
 * @param prefix is the lead of a text; empty where everything is answered verbatim
 */
export function createEcho(prefix: string) {
  const textLead = Buffer.from(prefix)
  const leadOf = (isBinary: boolean) => (isBinary ? NOTHING : textLead)
  return {
    leadOf,
    answer({ payload, isBinary }: Message): Message {
      const lead = leadOf(isBinary)
      return { payload: lead.length === 0 ? payload : Buffer.concat([lead, payload]), isBinary }
    },
  }
}
