export type ReconnectingClientOptions = {
  onReply: (text: string) => void
  /** Milliseconds between the end of a connection and the next attempt. */
  retryDelay: number
  /** Milliseconds to wait for a reply before giving up the connection. */
  replyTimeout: number
}

/** Sends messages in order, and sends each again on a new connection until a reply arrives. */
export function createReconnectingClient(
  url: string,
  { onReply, retryDelay, replyTimeout }: ReconnectingClientOptions,
) {
  const unanswered: string[] = []
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function connect() {
    const opened = new WebSocket(url)
    socket = opened
    opened.onopen = () => unanswered.forEach(deliver)
    opened.onmessage = ({ data }) => {
      unanswered.shift()
      if (unanswered.length > 0) awaitReply()
      else clearTimeout(timer)
      onReply(data)
    }
    opened.onclose = () => retry(opened)
  }

  function retry(ended: WebSocket | undefined) {
    if (ended === undefined || ended !== socket) return
    socket = undefined
    ended.close()
    clearTimeout(timer)
    timer = setTimeout(connect, retryDelay)
  }

  function deliver(text: string) {
    socket?.send(text)
    awaitReply()
  }

  function awaitReply() {
    clearTimeout(timer)
    timer = setTimeout(() => retry(socket), replyTimeout)
  }

  connect()
  return {
    send(text: string) {
      unanswered.push(text)
      if (socket?.readyState === WebSocket.OPEN) deliver(text)
    },

    close() {
      const last = socket
      socket = undefined
      clearTimeout(timer)
      last?.close()
    },
  }
}
