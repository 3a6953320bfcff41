import process from 'node:process'
import { attempt } from './web.ts'

const { bun, deno, node } = process.versions
console.log(JSON.stringify({ version: bun ?? deno ?? node }))
const words = process.argv.slice(2)
while (words.length > 0) {
  const [check, url = '', sends = '', subprotocol = ''] = words.splice(0, 4)
  console.log(JSON.stringify({ check, events: await attempt(url, sends, subprotocol) }))
}
process.exit()
