import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { main } from './main.ts'
import { createPage, headersOf } from './page.ts'

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Adds what `.env` sets to the environment, which wins. Exits with 1 if the file can't be read. */
function readSettings(): void {
  let bytes: Buffer
  try {
    bytes = readFileSync(pathOf('../.env'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') fail(`.env cannot be read: ${message}`)
    return
  }
  // PowerShell writes UTF-16.
  if (!isUtf8(bytes) || bytes.includes(0)) fail('.env must be UTF-8 text: save it in that encoding, then try again')
  for (const [name, value] of Object.entries(parseEnv(bytes.toString().replace(/^\ufeff/, '')))) {
    process.env[name] ??= value
  }
}

function fail(problem: string): never {
  console.error(problem)
  process.exit(1)
}

readSettings()
// The page has the same headers as behind NGINX.
const headers = headersOf(readFileSync(pathOf('../nginx.conf'), 'utf8'))

await main({ page: createPage(pathOf('../client/dist'), headers), defaultHost: '127.0.0.1' })
