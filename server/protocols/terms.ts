import type { SessionTerms } from '../http/admission.ts'

// The parameters that need neither frames nor a 101.
const SUPPORTED: readonly string[] = [
  ...['delay', 'jitter', 'loss', 'repeat', 'seed', 'hello', 'message', 'tick'],
  ...['close', 'reason', 'drop', 'stall', 'after'],
  ...['auth', 'redirect', 'location', 'reject', 'retry-after', 'body', 'times', 'key', 'test-id'],
]

/**
 * Returns how a protocol reads the query of a request that opens a session.
 * @param label the protocol as people write it
 * @param ownNames the names in its queries that are no faults
 */
export const termsOf = (label: string, ...ownNames: string[]): SessionTerms => ({
  label,
  ownNames,
  supported: SUPPORTED,
})
