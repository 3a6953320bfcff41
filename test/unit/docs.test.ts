import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { marked, type Tokens } from 'marked'
import { expect, test } from 'vitest'
import { parameters } from '../../server/faults/parameters.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const filesIn = (folder: string) => readdirSync(join(root, folder)).map(name => join(folder, name))

const documents = [
  ...[...filesIn('.'), ...filesIn('docs')].filter(path => path.endsWith('.md')),
  'test/bench/README.md',
]

/** The first cells of all rows of a document's tables. */
function rowsOf(document: string): string[] {
  const tables = marked.lexer(read(document)).filter(token => token.type === 'table') as Tokens.Table[]
  return tables.flatMap(({ rows }) => rows.map(([first]) => first?.text ?? ''))
}

const settings = [...read('server/config/config.ts').matchAll(/read\('([A-Z_]+)'/g)].map(([, name = '']) => name)
const composeFiles = filesIn('.').filter(path => /^docker-compose.*\.yml$/.test(path))

test('docs/settings.md lists every variable that the server and the compose files read', () => {
  const composed = [
    ...composeFiles
      .map(read)
      .join('')
      .matchAll(/\$\{([A-Z_]+)/g),
  ].map(([, name = '']) => name)
  const listed = rowsOf('docs/settings.md').join(' ')
  // Compose itself sets the name of the project.
  for (const name of [...settings, ...composed].filter(name => name !== 'COMPOSE_PROJECT_NAME'))
    expect(listed).toContain(`\`${name}\``)
})

test('docker-compose.yml passes every setting of the server on', () => {
  const composed = read('docker-compose.yml')
  for (const name of settings.filter(name => !['HOST', 'PORT'].includes(name)))
    expect(composed).toMatch(new RegExp(`^ {6}${name}:`, 'm'))
})

test('docs/faults.md lists every parameter', () => {
  const listed = rowsOf('docs/faults.md').join(' ')
  for (const { name } of parameters) expect(listed).toMatch(new RegExp(`\`${name}[=\`]`))
})

test('docs/control-port.md lists every route', () => {
  const listed = rowsOf('docs/control-port.md').join(' ')
  for (const [path, methods] of Object.entries<object>(JSON.parse(read('docs/openapi.json')).paths))
    for (const method of Object.keys(methods)) expect(listed).toContain(`\`${method.toUpperCase()} ${path}\``)
  expect(listed).toContain('`GET /openapi.json`')
})

test('docs/testing.md shows the code of the examples', () => {
  const examples = filesIn('test/example').map(read).map(lines)
  const blocks = [...read('docs/testing.md').matchAll(/^```(?:ts|python)\n(.*?)\n```$/gms)]
  expect(blocks.length).toBeGreaterThan(0)
  for (const [, code = ''] of blocks) expect(examples.some(example => example.includes(lines(code)))).toBe(true)
})

const lines = (text: string) =>
  text
    .split('\n')
    .map(line => line.trim())
    .join('\n')

test.for(documents)('%s links to what exists', document => {
  const hrefs: string[] = []
  marked.walkTokens(marked.lexer(read(document)), token => {
    if (token.type === 'link' || token.type === 'image') hrefs.push(token.href)
  })
  // Others lead to other sites, or to pages of the repository's host.
  for (const href of hrefs.filter(href => !/^(https?:|\.\.\/\.\.\/)/.test(href) || /\.md(#|$)/.test(href))) {
    const [path = '', anchor] = href.split('#')
    const target = path === '' ? document : join(dirname(document), path)
    expect(existsSync(join(root, target)), href).toBe(true)
    if (anchor !== undefined) expect(anchorsOf(target), href).toContain(anchor)
  }
})

/** The anchors that GitHub gives a document's headings. */
function anchorsOf(document: string): string[] {
  const headings = marked.lexer(read(document)).filter(token => token.type === 'heading') as Tokens.Heading[]
  return headings.map(({ text }) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('every npm script that a document names exists', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const named = documents.flatMap(document => [...read(document).matchAll(/npm run ([\w:]+)/g)])
  expect(named.length).toBeGreaterThan(0)
  for (const [, name = ''] of named) expect(Object.keys(scripts)).toContain(name)
})
