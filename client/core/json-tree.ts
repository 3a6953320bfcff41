/** A value in a JSON text. */
export type JsonNode = {
  /** The name of a member, the index of an element, or `undefined` for the whole text. */
  readonly key: string | number | undefined
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'
  /** Where the value begins in the text, and where it ends. */
  readonly start: number
  readonly end: number
}

/** A JSON text as a tree. Only the levels that are asked for are read, and every value stays as it was written. */
export type JsonTree = {
  readonly root: JsonNode
  /** Returns the members or elements of a node, up to `limit` of them, from the one after `previous` on. */
  children(node: JsonNode, previous?: JsonNode, limit?: number): JsonNode[]
  /** Returns the text of a value, as it was written. */
  source(node: JsonNode): string
  /** Returns the content of a string, and any other value as it was written. */
  text(node: JsonNode): string
}

const PAGE = 500

const KINDS: Record<string, JsonNode['kind']> = {
  '{': 'object',
  '[': 'array',
  '"': 'string',
  t: 'boolean',
  f: 'boolean',
  n: 'null',
}

/** Creates the tree of a text that must be valid JSON (RFC 8259). */
export function createJsonTree(json: string): JsonTree {
  const source = ({ start, end }: JsonNode) => json.slice(start, end)
  const skip = (pattern: RegExp, at: number) => {
    pattern.lastIndex = at
    pattern.exec(json)
    return pattern.lastIndex
  }
  const afterSpace = (at: number) => skip(/[\s,:]*/y, at)

  /** Returns the index after the string that begins at `at`. */
  function afterString(at: number): number {
    for (let quote = json.indexOf('"', at + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
      let before = quote - 1
      while (json[before] === '\\') before--
      if ((quote - before) % 2 === 1) return quote + 1
    }
    return json.length
  }

  /** Returns the index after the object or array that begins at `at`. */
  function afterBrackets(at: number): number {
    const bracket = /["{}[\]]/g
    bracket.lastIndex = at
    let depth = 0
    for (let found = bracket.exec(json); found; found = bracket.exec(json)) {
      if (found[0] === '"') bracket.lastIndex = afterString(found.index)
      else depth += found[0] === '{' || found[0] === '[' ? 1 : -1
      if (depth === 0) return bracket.lastIndex
    }
    return json.length
  }

  function read(key: JsonNode['key'], start: number): JsonNode {
    const kind = KINDS[json.charAt(start)] ?? 'number'
    const isContainer = kind === 'object' || kind === 'array'
    const end = isContainer ? afterBrackets(start) : kind === 'string' ? afterString(start) : skip(/[^\s,\]}]*/y, start)
    return { key, kind, start, end }
  }

  return {
    root: read(undefined, afterSpace(0)),
    source,
    text: node => (node.kind === 'string' ? JSON.parse(source(node)) : source(node)),

    children(node, previous, limit = PAGE) {
      const nodes: JsonNode[] = []
      if (node.kind !== 'object' && node.kind !== 'array') return nodes
      let index = typeof previous?.key === 'number' ? previous.key + 1 : 0
      let at = afterSpace(previous?.end ?? node.start + 1)
      while (at < node.end - 1 && nodes.length < limit) {
        const afterName = node.kind === 'object' ? afterString(at) : at
        const key = node.kind === 'object' ? JSON.parse(json.slice(at, afterName)) : index++
        const child = read(key, afterSpace(afterName))
        nodes.push(child)
        at = afterSpace(child.end)
      }
      return nodes
    },
  }
}
