// What the clients for Node.js share: the checks on the command line, and their payloads.

export const payloads = {
  text: 'hello',
  empty: '',
  binary: Buffer.of(0, 255),
  long: 'x'.repeat(2000),
  large: 'x'.repeat(2 ** 20),
  emoji: '🙂🙃🙂',
}

/** Returns the event of a message. */
export const received = (data, isBinary, payload) => {
  const isSame = isBinary ? Buffer.from(payload ?? '').equals(data) : String(data) === payload
  return isSame ? (isBinary ? 'binary' : 'text') : 'wrong'
}

export const opened = subprotocol => (subprotocol ? `open:${subprotocol}` : 'open')

/**
 * Runs the checks one after the other, and prints a line for each.
 * @param attempt gets the URL, the payload or `undefined`, the subprotocols, a function to call with each event, and one
 *   to call at the end
 */
export async function run(version, attempt) {
  console.log(JSON.stringify({ version }))
  const words = process.argv.slice(2)
  while (words.length > 0) {
    const [check, url, sends, subprotocol] = words.splice(0, 4)
    const events = []
    await new Promise(resolve => {
      const timer = setTimeout(() => resolve(events.push('timeout')), 5000)
      const end = () => resolve(clearTimeout(timer))
      attempt(url, payloads[sends], subprotocol === '-' ? [] : [subprotocol], event => events.push(event), end)
    })
    console.log(JSON.stringify({ check, events: events.join(' ') }))
  }
  process.exit()
}
