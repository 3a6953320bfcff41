/** Queries that imitate common troubles, each with its name. */
export const presets = {
  'Slow mobile': 'delay=400ms&jitter=200ms&rate=48KiB',
  'Flaky Wi-Fi': 'jitter=150ms&loss=0.1&drop=rst&after=60s',
  'Server restart': 'close=1012&reason=restart&after=10s',
  'Proxy timeout': 'drop=fin&after=60s',
} as const
