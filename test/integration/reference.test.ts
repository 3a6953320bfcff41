import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { writeCheckList, writeClientTable } from '../clients/table.ts'
import { replaceRegion, writeForm, writeTables } from './reference.ts'
import { serve } from './serve.ts'

// `npm run reference` writes the files anew.

const root = fileURLToPath(new URL('../..', import.meta.url))

test('docs/openapi.json is what the control port serves', async () => {
  const { control } = await serve({ CONTROL_PORT: '0' })
  const description = await (await fetch(`${control}openapi.json`)).json()
  await expect(`${JSON.stringify(description, null, 2)}\n`).toMatchFileSnapshot(`${root}docs/openapi.json`)
})

test.for([
  ['docs/faults.md', 'a table', writeTables],
  ['client/view/faults.json', 'a field', writeForm],
] as const)('%s has %s of all parameters, as they are declared', async ([path, , write]) => {
  await expect(write(await readFile(root + path, 'utf8'))).toMatchFileSnapshot(root + path)
})

test('docs/clients.md has all clients and checks, as they are declared', async () => {
  const path = `${root}docs/clients.md`
  const document = replaceRegion(await readFile(path, 'utf8'), 'clients', `\n${writeClientTable()}\n`)
  await expect(replaceRegion(document, 'checks', `\n${writeCheckList()}\n`)).toMatchFileSnapshot(path)
})
