import { setTimeout as delay } from 'node:timers/promises'
import { type Client, connect } from '../suite/client.ts'

export type ReturningClient = {
  /** Milliseconds from each end of a connection to the first answer of the next one. */
  readonly gaps: number[]
  /** Of the connections that ended unasked. */
  readonly codes: number[]
  /** Answers that were not the right ones. */
  readonly wrong: string[]
  stop(): Promise<void>
}

/**
 * Starts a client that comes back as soon as it is let in, trying every 100 ms, and talks all the time; resolves when
 * it has its first answer.
 */
export async function startReturningClient(url: string): Promise<ReturningClient> {
  const gaps: number[] = []
  const codes: number[] = []
  const wrong: string[] = []
  let client: Client
  let isStopped = false
  let number = 0

  /** Sends a text and takes its answer; rejects when the connection ends first. */
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
