/**
 * Returns what a client did wrong when Engine.IO has closed its session, or `undefined` if the client closed it.
 * @param reason as Engine.IO gives it
 * @param error the cause of a `transport error`
 * @param isBehind whether too much waits for the client, so that the server may not have read its answer to a ping
 */
export function problemOf(reason: string, error: Error | undefined, isBehind: boolean): string | undefined {
  if (reason === 'transport close') return undefined
  if (reason === 'ping timeout' && isBehind) return 'Too much waits for the client to read its answers to pings'
  if (reason === 'ping timeout') return 'No answer since the last ping'
  if (error?.message === 'poll connection closed prematurely') return 'The client left in the middle of a request'
  if (error?.message === 'overlap from client') return 'A poll came before the last one was answered'
  // The packages close a session of their own accord only because of an invalid packet.
  return 'A packet is invalid'
}
