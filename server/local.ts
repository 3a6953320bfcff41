import { fileURLToPath } from 'node:url'
import sirv from 'sirv'
import { main } from './main.ts'

// `dev` reads a file when it is asked for, so that a rebuilt page is served without a restart.
await main(sirv(fileURLToPath(new URL('../client/dist', import.meta.url)), { dev: true, etag: true }))
