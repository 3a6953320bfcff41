import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { writeTables } from './reference.ts'
import { serve } from './serve.ts'

// `npm run reference` writes the files anew.

test('docs/openapi.json is what the control port serves', async () => {
  const { control } = await serve({ CONTROL_PORT: '0' })
  const description = await (await fetch(`${control}openapi.json`)).json()
  await expect(`${JSON.stringify(description, null, 2)}\n`).toMatchFileSnapshot('../../docs/openapi.json')
})

test('docs/faults.md has the tables of all parameters', async () => {
  const file = new URL('../../docs/faults.md', import.meta.url)
  await expect(writeTables(await readFile(file, 'utf8'))).toMatchFileSnapshot(file.pathname)
})
