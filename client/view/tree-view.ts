import { type JsonPath, writePath } from '../core/json-path.ts'
import type { JsonNode, JsonTree } from '../core/json-tree.ts'
import { createCopyButton } from './copy-button.ts'
import { coloured, make, makeButton, plain } from './highlight.ts'

/** A row of the tree: a value, or the values that are not shown yet. */
type Item = {
  level: number
  parent: HTMLElement | undefined
  path: JsonPath
  node: JsonNode
  /** The values after `node` are not shown yet. */
  isMore?: boolean
}

/** This many members or elements of a value are shown at first, and again at each step. */
const PAGE = 100
/** In characters. */
const EXCERPT = 1000
/** Deeper levels are not indented further, because the panel is narrow. */
const DEEPEST = 10

/** Shows JSON as a tree, in which the arrow keys move. Only the values that are open are in the document. */
export function createTreeView() {
  const box = make('div')
  const branches = createBranches()
  const { rows, open, close, itemOf } = branches
  const actions = createActions(branches.textOf)
  let current: HTMLElement | undefined

  box.append(rows, actions.box)

  function activate(row: HTMLElement) {
    if (itemOf(row)?.isMore) return select(branches.extend(row))
    if (row.ariaExpanded === 'false') open(row)
    else if (row.ariaExpanded === 'true') close(row)
    select(row)
  }

  function select(row: HTMLElement | null | undefined, hasFocus = true) {
    const item = row && itemOf(row)
    if (!row || !item) return
    if (current) {
      current.tabIndex = -1
      current.ariaSelected = 'false'
    }
    current = row
    row.tabIndex = 0
    row.ariaSelected = 'true'
    if (hasFocus) row.focus()
    actions.show(item)
  }

  const moves: Record<string, (row: HTMLElement) => void> = {
    ArrowDown: row => select(row.nextElementSibling as HTMLElement | null),
    ArrowUp: row => select(row.previousElementSibling as HTMLElement | null),
    ArrowRight: row => (row.ariaExpanded === 'false' ? open(row) : moves.ArrowDown?.(row)),
    ArrowLeft: row => (row.ariaExpanded === 'true' ? close(row) : select(itemOf(row)?.parent)),
    Home: () => select(rows.firstElementChild as HTMLElement),
    End: () => select(rows.lastElementChild as HTMLElement),
    Enter: activate,
    ' ': activate,
  }
  rows.addEventListener('keydown', event => {
    const move = moves[event.key]
    if (!move || !current || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    move(current)
  })
  rows.addEventListener('click', ({ target }) => {
    const row = (target as Element).closest<HTMLElement>('[role=treeitem]')
    if (row) activate(row)
  })

  return {
    box,

    /** Shows another tree, with its first level open. */
    show(next: JsonTree) {
      current = undefined
      select(branches.plant(next), false)
    },
  }
}

/** Creates the rows of the values that are open. */
function createBranches() {
  const rows = make('div', 'tree')
  const items = new WeakMap<Element, Item>()
  let tree: JsonTree | undefined

  rows.role = 'tree'
  rows.ariaLabel = 'JSON'

  function add(item: Item): HTMLElement {
    const row = createRow(item, tree?.source(item.node) ?? '')
    items.set(row, item)
    return row
  }

  /** Returns the rows of the next members or elements of a value. */
  function next(parent: HTMLElement, previous?: JsonNode): HTMLElement[] {
    const item = items.get(parent)
    if (!item || !tree) return []
    const nodes = tree.children(item.node, previous, PAGE + 1)
    const shown = nodes.slice(0, PAGE)
    const last = shown.at(-1)
    const below = { parent, level: item.level + 1 }
    const found = shown.map(node => ({ ...below, node, path: [...item.path, node.key ?? ''] }))
    const more = nodes.length > PAGE && last ? [{ ...below, node: last, path: [], isMore: true }] : []
    return [...found, ...more].map(add)
  }

  function open(row: HTMLElement) {
    row.ariaExpanded = 'true'
    row.after(...next(row))
  }

  function close(row: HTMLElement) {
    row.ariaExpanded = 'false'
    const level = items.get(row)?.level ?? 0
    for (let after = row.nextElementSibling; after; after = row.nextElementSibling) {
      if ((items.get(after)?.level ?? 0) <= level) break
      after.remove()
    }
  }

  return {
    rows,
    open,
    close,
    itemOf: (row: Element) => items.get(row),
    textOf: (node: JsonNode) => tree?.text(node) ?? '',

    /** Replaces a row that stands for more values by the next of them. Returns the first one. */
    extend(row: HTMLElement): HTMLElement | undefined {
      const item = items.get(row)
      const added = item?.parent ? next(item.parent, item.node) : []
      row.replaceWith(...added)
      return added[0]
    },

    /** Takes another tree and opens its first level. Returns its root. */
    plant(planted: JsonTree): HTMLElement {
      tree = planted
      const root = add({ node: planted.root, parent: undefined, level: 1, path: [] })
      rows.replaceChildren(root)
      open(root)
      return root
    },
  }
}

/** Shows the path of the selected value, and copies it or the value. */
function createActions(textOf: (node: JsonNode) => string) {
  const box = make('p', 'actions')
  const path = make('code')
  let item: Item | undefined

  const createButton = (name: string, read: () => string) => createCopyButton(makeButton('secondary', name), path, read)
  const buttons = [
    createButton('Copy value', () => (item ? textOf(item.node) : '')),
    createButton('Copy path', () => path.textContent ?? ''),
  ]
  box.append(path, ...buttons)

  return {
    box,
    show(next: Item) {
      item = next
      path.textContent = item.isMore ? '' : writePath(item.path)
      for (const button of buttons) button.disabled = item.isMore === true
    },
  }
}

function createRow({ node, level, isMore }: Item, source: string): HTMLElement {
  const row = make('div')
  row.role = 'treeitem'
  row.tabIndex = -1
  row.ariaLevel = String(level)
  row.ariaSelected = 'false'
  row.style.setProperty('--level', String(Math.min(level, DEEPEST) - 1))
  if (isMore) {
    row.append(make('span', 'more-values', `Show ${PAGE} more`))
    return row
  }
  const isContainer = node.kind === 'object' || node.kind === 'array'
  if (isContainer && !/^.\s*[}\]]/.test(source)) row.ariaExpanded = 'false'
  const key = make('span', typeof node.key === 'string' ? 'key' : 'index')
  key.append(...plain(node.key === undefined ? '$' : String(node.key) || '""'))
  const value = make('span', 'json')
  const rest = source.length > EXCERPT && !isContainer ? '…' : ''
  value.append(': ', ...coloured(source.slice(0, EXCERPT)), rest)
  row.append(key, value)
  return row
}
