import type { Protocol } from '../http/protocol.ts'
import { pathOf, queryOf } from '../http/request.ts'

/** Socket.IO and SignalR. A plain WebSocket to /socket.io/ has no `EIO` in its query. On /signalr there are none. */
export const sessionProtocols: readonly Protocol[] = [
  {
    matches: request => pathOf(request) === '/socket.io/' && /(^|&)EIO=/.test(queryOf(request)),
    load: async () => (await import('./socket-io.ts')).createSocketIo,
  },
  {
    matches: request => /^\/signalr(\/|\/negotiate)?$/.test(pathOf(request)),
    load: async () => (await import('../signalr/signalr.ts')).createSignalR,
  },
]
