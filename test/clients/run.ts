import { spawnSync } from 'node:child_process'
import { clients } from './clients.ts'

// Runs the clients whose names contain one of the words, or all those that need no container.
const words = process.argv.slice(2).map(word => word.toLowerCase())
const names = Object.keys(clients)
const asked = names.filter(name => words.some(word => name.toLowerCase().includes(word)))
if (words.length > 0 && asked.length === 0) {
  console.error(`No client is called ${words.join(' or ')}. There are ${names.join(', ')}.`)
  process.exitCode = 1
} else {
  const env = words.length > 0 ? { ...process.env, CLIENTS: asked.join('\n') } : process.env
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'clients']
  process.exitCode = spawnSync(process.execPath, vitest, { stdio: 'inherit', env }).status ?? 1
}
