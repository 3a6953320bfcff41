import { parseArgs } from 'node:util'
import { createAddress, type PeerSpec } from './peer.ts'
import { nginxName, peers } from './peers.ts'

export const help = `Usage: npm run bench -- [options]

Loads echo servers in turn, verifies every reply, and compares speed, CPU, latency and memory.

  --quick              take under a minute, with less exact results, and write nothing
  --peer name=ws://…   also measure the server at this address; can be repeated
  --before commit      compare our server only with that of another commit, and write nothing
  --help               show this help

Otherwise writes test/bench/results/latest.json and chart.svg.`

export type Options = { quick: boolean; peers: PeerSpec[]; before?: string | undefined; help: boolean }

/** @throws an error that describes the invalid argument */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      peer: { type: 'string', multiple: true, default: [] },
      before: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const added = values.peer.map(parsePeer)
  const names = [...Object.values(peers), { name: nginxName }, ...added].map(({ name }) => name)
  const taken = added.find(({ name }) => names.indexOf(name) !== names.lastIndexOf(name))
  if (taken) throw new Error(`--peer ${taken.name}=…: this name is already used`)
  return { ...values, peers: added }
}

function parsePeer(text: string): PeerSpec {
  const [, name, address = ''] = /^([^=]+)=(.*)$/.exec(text) ?? []
  const url = URL.parse(address)
  if (name === undefined || url?.protocol !== 'ws:') {
    throw new Error(`--peer ${text}: expected a name and an address such as theirs=ws://localhost:9000/`)
  }
  return createAddress(name, url.href)
}
