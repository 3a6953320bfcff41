import { getContainerRuntimeClient } from 'testcontainers'
import { docker, startStack } from '../stack/stack.ts'
import { createAddress, type PeerSpec } from './peer.ts'
import type { Progress } from './rounds.ts'

/** Our server behind NGINX, as composed. */
export type Nginx = AsyncDisposable & {
  spec: PeerSpec
  /** Seconds that `docker compose up` took until all was healthy, its images being there. */
  startTime: number
}

/** Whether a Docker engine answers. */
export async function hasDocker(): Promise<boolean> {
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
}

/** Starts NGINX and the server in containers; what runs in either counts as one peer. */
export async function startNginx(name: string, progress: Progress): Promise<Nginx> {
  progress('building the images')
  await docker('compose', 'build')
  progress('docker compose up')
  const start = performance.now()
  const starting = startStack()
  const down = async () => {
    await (await starting).down()
  }
  interruptible.add(down)
  const { client, servers, ws } = await starting
  const startTime = (performance.now() - start) / 1000
  const tops = await Promise.all([client, ...servers].map(each => docker('top', each.getId(), '-eo', 'pid')))
  const pids = tops.flatMap(top => top.match(/\d+/g) ?? []).map(Number)
  return {
    spec: createAddress(name, ws, pids),
    startTime,
    async [Symbol.asyncDispose]() {
      interruptible.delete(down)
      await down()
    },
  }
}

const interruptible = new Set<() => Promise<void>>()

/** Takes down what is up or still starting; for the end that a signal brings. */
export async function takeDown(): Promise<void> {
  await Promise.allSettled([...interruptible].map(down => down()))
}
