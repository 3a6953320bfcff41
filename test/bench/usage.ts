import { readdirSync, readFileSync } from 'node:fs'

/**
 * Returns the CPU time of processes so far, in seconds; `undefined` without /proc or without local processes. It comes
 * from schedstat, which counts nanoseconds, while /proc/PID/stat counts hundredths of a second.
 */
export function cpuTime(pids: number[]): number | undefined {
  return sum(pids, pid => {
    const threads = readdirSync(`/proc/${pid}/task`)
    const times = threads.map(thread => Number.parseInt(read(`/proc/${pid}/task/${thread}/schedstat`), 10))
    return times.reduce((a, b) => a + b, 0) / 1e9
  })
}

/** Returns the resident memory of processes in bytes; `undefined` without /proc or without local processes. */
export function residentMemory(pids: number[]): number | undefined {
  return sum(pids, pid => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]))
}

const read = (path: string) => readFileSync(path, 'utf8')

function sum(pids: number[], measure: (pid: number) => number): number | undefined {
  if (pids.length === 0) return undefined
  try {
    return pids.map(measure).reduce((a, b) => a + b)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
