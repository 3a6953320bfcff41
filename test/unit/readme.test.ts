import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const lines = (text: string) => text.split('\n').map(line => line.trim())

test('the README shows the code of the example', () => {
  const example = lines(read('test/example/reconnecting-client.test.ts')).join('\n')
  const blocks = [...read('README.md').matchAll(/^```ts\n(.*?)\n```$/gms)].map(([, code = '']) =>
    lines(code).join('\n'),
  )
  expect(blocks.length).toBeGreaterThan(0)
  for (const block of blocks) expect(example).toContain(block)
})

const variables = [...read('server/config/config.ts').matchAll(/read\('([A-Z_]+)'/g)].map(([, name = '']) => name)

test('the README names every variable of the environment', () => {
  const files = ['docker-compose.yml', 'docker-compose.tls.yml', 'docker-compose.swarm.yml'].map(read).join('')
  const composed = [...files.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name)
  const readme = read('README.md')
  for (const name of [...variables, ...composed]) expect(readme).toContain(`\`${name}\``)
})

test('docker-compose.yml passes every variable of the environment on', () => {
  const composed = read('docker-compose.yml')
  for (const name of variables)
    if (!['HOST', 'PORT'].includes(name)) expect(composed).toMatch(new RegExp(`^ {6}${name}:`, 'm'))
})
