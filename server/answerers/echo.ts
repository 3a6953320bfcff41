import type { Message } from '../connection/behaviour.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Creates the echo: a reply has the type and payload of its message, with a lead in front of the payload.
 * @param prefix the lead of text replies; '' for none
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

/** Sends messages back, or on, as they came. */
export const verbatim = createEcho('')
