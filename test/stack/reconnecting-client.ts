import { setTimeout as delay } from 'node:timers/promises'
import { type Client, connect } from '../suite/client.ts'

export type ReconnectingClient = {
  /** Milliseconds from the end of each connection to the first reply on the next one. */
  readonly gaps: number[]
  /** The close codes of connections that ended unexpectedly. */
  readonly codes: number[]
  /** Descriptions of wrong replies. */
  readonly wrong: string[]
  stop(): Promise<void>
}

/**
 * Starts a client that sends messages continuously and reconnects with an attempt every 100 ms. Resolves after its first
 * reply.
 */
export async function startReconnectingClient(url: string): Promise<ReconnectingClient> {
  const gaps: number[] = []
  const codes: number[] = []
  const wrong: string[] = []
  let client: Client
  let isStopped = false
  let number = 0

  /** Sends a text and checks the reply. Rejects if the connection ends first. */
  const exchange = async () => {
    const text = `message ${number++}`
    client.socket.send(text)
    const answer = String(await client.next())
    if (answer !== `[RE]: ${text}`) wrong.push(`${answer} to ${text}`)
  }

  const enter = async () => {
    for (;;) {
      try {
        client = await connect(url)
        await exchange()
        return
      } catch {
        await delay(100)
      }
    }
  }

  const talk = async () => {
    while (!isStopped) {
      try {
        await exchange()
        await delay(10)
      } catch {
        const { code } = await client.closed
        if (isStopped) return
        codes.push(code)
        const cut = performance.now()
        await enter()
        gaps.push(performance.now() - cut)
      }
    }
  }

  await enter()
  const talking = talk()
  return {
    gaps,
    codes,
    wrong,
    async stop() {
      isStopped = true
      client.socket.close()
      await talking
    },
  }
}
