import type { Protocol } from '../http/protocol.ts'
import { pathOf, queryOf } from '../http/request.ts'

/** Socket.IO. A plain WebSocket to /socket.io/ has no `EIO` in its query. */
export const sessionProtocols: readonly Protocol[] = [
  {
    matches: request => pathOf(request) === '/socket.io/' && /(^|&)EIO=/.test(queryOf(request)),
    load: async () => (await import('./socket-io.ts')).createSocketIo,
  },
]
