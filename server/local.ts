import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { main } from './main.ts'
import { createPage, headersOf } from './page.ts'

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

// The page has the same headers as behind NGINX.
const headers = headersOf(readFileSync(pathOf('../nginx.conf'), 'utf8'))

await main(createPage(pathOf('../client/dist'), headers))
