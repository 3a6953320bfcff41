import { findJson } from './json.ts'
import { createJsonTree, type JsonNode } from './json-tree.ts'

/** The names of members and the indexes of elements that lead to a value. */
export type JsonPath = (string | number)[]

const STEP = /\.?([\p{L}_$][\p{L}\p{N}_$-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/uy

/** Reads a path such as `user.items[0]["first name"]`, which may begin with `$`. */
export function readPath(text: string): JsonPath | { problem: string } {
  const path: JsonPath = []
  const typed = text.trim().replace(/^\$(?=[.[]|$)/, '')
  STEP.lastIndex = 0
  while (STEP.lastIndex < typed.length) {
    const at = STEP.lastIndex
    const [, name, index, quoted] = STEP.exec(typed) ?? []
    if (name !== undefined) path.push(name)
    else if (index !== undefined) path.push(Number(index))
    else if (quoted !== undefined) path.push(readName(quoted))
    else return { problem: `"${typed.slice(at)}" is not a part of a path. Use a.b, [0] or ["a b"].` }
  }
  return path
}

/** Writes a path in the form that `readPath` reads. */
export function writePath(path: JsonPath): string {
  const steps = path.map(step => {
    if (typeof step === 'number') return `[${step}]`
    return /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
  })
  return `$${steps.join('')}`
}

/**
 * Returns the value at a path in the JSON of a message, which may have a prefix: the content of a string, any other
 * value as it was written. Of repeated names the last one counts, as in `JSON.parse`. `undefined` if there is no value.
 */
export function valueAt(message: string, path: JsonPath): string | undefined {
  const start = findJson(message)
  if (start === -1) return undefined
  const tree = createJsonTree(message.slice(start))
  let node: JsonNode | undefined = tree.root
  for (const step of path) {
    if (!node) return undefined
    node = tree.children(node, undefined, Number.POSITIVE_INFINITY).findLast(({ key }) => key === step)
  }
  return node && tree.text(node)
}

/** An escape that JSON does not know leaves the name as it was typed. */
function readName(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch {
    return quoted.slice(1, -1)
  }
}

/**
 * Lists the values in the JSON of a message that are no objects or arrays, those near the root first, each with its
 * path.
 */
export function listValues(message: string, limit: number): { path: string; value: string }[] {
  const start = findJson(message)
  if (start === -1) return []
  const tree = createJsonTree(message.slice(start))
  const values: { path: string; value: string }[] = []
  let level: { node: JsonNode; path: JsonPath }[] = [{ node: tree.root, path: [] }]
  while (level.length > 0 && values.length < limit) {
    const next: typeof level = []
    for (const { node, path } of level) {
      if (node.kind !== 'object' && node.kind !== 'array') {
        values.push({ path: writePath(path), value: tree.text(node) })
        continue
      }
      // Of repeated names the last one counts.
      const children = new Map(tree.children(node, undefined, limit).map(child => [child.key ?? 0, child]))
      for (const [key, child] of children) next.push({ node: child, path: [...path, key] })
    }
    level = next.slice(0, limit)
  }
  return values.slice(0, limit)
}
