import { fileURLToPath } from 'node:url'
import sirv from 'sirv'
import { main } from './main.ts'

// `dev` reads a file when it is asked for, so that a rebuilt page is served without a restart.
const files = sirv(fileURLToPath(new URL('../client/dist', import.meta.url)), { dev: true, etag: true })

await main((request, response, next) => {
  // Of an impossible range sirv makes an uncaught error, and a server may ignore it (RFC 9110, section 14.2).
  delete request.headers.range
  files(request, response, next)
})
