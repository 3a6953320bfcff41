import { createProgram } from './peer.ts'

const ours = '../../server/dist/main.cjs'
const prefix = '[RE]: '

/** The servers to compare, with their names in tables and charts. */
export const peers = {
  raw: createProgram('node:net', { file: 'peers/node-net.js' }),
  rawAgain: createProgram('node:net again', { file: 'peers/node-net.js' }),
  piped: createProgram('node:net piped', { file: 'peers/node-net-piped.js' }),
  ours: createProgram('ours', { file: ours, prefix }),
  verbatim: createProgram('ours /raw', { file: ours, path: '/raw' }),
  debug: createProgram('ours, debug', { file: ours, prefix, env: { LOG_LEVEL: 'debug' } }),
  ws: createProgram('ws', { file: 'peers/ws-obvious.js' }),
  wsDeflate: createProgram('ws', { file: 'peers/ws-obvious.js', env: { DEFLATE: 'true' } }),
  corked: createProgram('ws corked', { file: 'peers/ws-corked.js' }),
  backend: createProgram('backend', { file: ours, env: { REPLY_PREFIX: '' } }),
}

/** Our server in front of a backend that is measured apart. */
export const createRelay = (backend: string) => createProgram('relay', { file: ours, env: { UPSTREAM: backend } })

/** The names of the composed stack, and of its NGINX alone, in tables. */
export const nginxName = 'ours, NGINX'
export const proxyName = 'NGINX alone'
