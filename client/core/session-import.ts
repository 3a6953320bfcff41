import { withoutCredentials } from './address.ts'
import { count } from './count.ts'
import type { Setup } from './link.ts'
import type { SavedMessage } from './saved-messages.ts'
import type { SessionFile } from './session-file.ts'

/** What an import adds to a page, and a sentence for each thing that it does not take as it is. */
export type Import = { added: SessionFile; remarks: string[] }

const MOST: Record<keyof SessionFile, number> = { tabs: 50, savedMessages: 100, addresses: 20, variables: 100 }

/** Finds out what a file adds to what is `here`. Nothing that is here is replaced or removed. */
export function planImport(file: SessionFile, here: SessionFile): Import {
  const tabs = file.tabs.filter(tab => !here.tabs.some(other => sameTab(tab, other)))
  const { messages, renamed } = addMessages(file.savedMessages, here.savedMessages)
  const addresses = file.addresses.filter(address => !here.addresses.includes(address))
  const variables = file.variables.filter(({ name }) => !here.variables.some(other => other.name === name))
  const clashes = file.variables.filter(variable =>
    here.variables.some(other => other.name === variable.name && !same(other, variable)),
  )

  const wanted: SessionFile = { tabs, savedMessages: messages, addresses, variables }
  const added: SessionFile = {
    tabs: fitting('tabs', wanted, here),
    savedMessages: fitting('savedMessages', wanted, here),
    addresses: fitting('addresses', wanted, here),
    variables: fitting('variables', wanted, here),
  }
  const known = sizeOf(file) - sizeOf(wanted) - clashes.length
  const excess = sizeOf(wanted) - sizeOf(added)
  return {
    added,
    remarks: [
      known > 0 && `${count(known, 'entry was', 'entries were')} here already.`,
      ...renamed.map(([from, to]) => `“${from}” was saved as “${to}”, because that name was taken.`),
      ...clashes.map(({ name }) => `The variable “${name}” keeps its value here.`),
      excess > 0 && `${count(excess, 'entry', 'entries')} did not fit.`,
    ].filter(remark => remark !== false),
  }
}

/** Lists the contents of a file, for example `3 tabs and 5 saved messages`. Empty if there are none. */
export function describeContents({ tabs, savedMessages, addresses, variables }: SessionFile): string {
  const parts = [
    [tabs, 'tab', 'tabs'],
    [savedMessages, 'saved message', 'saved messages'],
    [addresses, 'recent address', 'recent addresses'],
    [variables, 'variable', 'variables'],
  ] as const
  const counted = parts
    .filter(([list]) => list.length > 0)
    .map(([list, noun, plural]) => count(list.length, noun, plural))
  return new Intl.ListFormat('en').format(counted)
}

/** Says what was imported, and what was not. */
export function describeImport({ added, remarks }: Import): string {
  return [`${describeContents(added) || 'Nothing'} imported.`, ...remarks].join(' ')
}

/** Adds messages beside those of the same name and server. */
function addMessages(wanted: readonly SavedMessage[], here: readonly SavedMessage[]) {
  const all = [...here]
  const messages: SavedMessage[] = []
  const renamed: [from: string, to: string][] = []
  for (const message of wanted) {
    const find = (name: string) => all.find(other => other.name === name && other.server === message.server)
    let next = message
    // An earlier import of the same file may have given it another name.
    for (let number = 2; find(next.name) && !same(find(next.name), next); number++) {
      next = { ...message, name: `${message.name} (${number})` }
    }
    if (find(next.name)) continue
    if (next !== message) renamed.push([message.name, next.name])
    messages.push(next)
    all.push(next)
  }
  return { messages, renamed }
}

const fitting = <Key extends keyof SessionFile>(key: Key, wanted: SessionFile, here: SessionFile) =>
  wanted[key].slice(0, Math.max(0, MOST[key] - here[key].length)) as SessionFile[Key]

const sizeOf = (file: SessionFile) => Object.values(file).reduce((sum, list) => sum + list.length, 0)

/** Compares what the file would contain: an absent setting is an empty one. */
const sameTab = (a: Setup, b: Setup) => same(contentsOf(a), contentsOf(b))

const contentsOf = ({ url, protocols, format, message, closeCode, closeReason, reconnect, repeat }: Setup) => [
  withoutCredentials(url),
  protocols,
  format,
  message,
  closeCode || '1000',
  closeReason || '',
  reconnect || '',
  repeat && [repeat.count, repeat.seconds, repeat.inFlight, repeat.isAtConnect],
]

const same = (a: unknown, b: unknown) => stable(a) === stable(b)

/** JSON whose fields are in alphabetical order. */
const stable = (value: unknown) =>
  JSON.stringify(value, (_, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort())
      : inner,
  )
