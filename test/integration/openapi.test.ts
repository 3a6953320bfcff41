import { expect, test } from 'vitest'
import { serve } from './serve.ts'

// `npm run openapi` writes the file anew.
test('docs/openapi.json is what the control port serves', async () => {
  const { control } = await serve({ CONTROL_PORT: '0' })
  const description = await (await fetch(`${control}openapi.json`)).json()
  await expect(`${JSON.stringify(description, null, 2)}\n`).toMatchFileSnapshot('../../docs/openapi.json')
})
