export type ReconnectingClientOptions = {
  onReply: (text: string) => void
  /** Milliseconds until the next attempt. */
  retryDelay: number
  /** Milliseconds without a reply after which a connection is given up. */
  patience: number
}

/** Gets every message answered, in order, over as many connections as that takes. */
export function createReconnectingClient(url: string, { onReply, retryDelay, patience }: ReconnectingClientOptions) {
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
    timer = setTimeout(() => retry(socket), patience)
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
