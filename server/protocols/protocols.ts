import type { Protocol } from '../http/protocol.ts'

/** The protocols that the server speaks besides plain WebSockets. */
export const sessionProtocols: readonly Protocol[] = []
