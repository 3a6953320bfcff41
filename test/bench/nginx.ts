import { clientImage, docker, serverImage, startStack } from '../stack/stack.ts'
import { createAddress, type PeerSpec } from './peer.ts'
import type { Progress } from './rounds.ts'

/** The composed stack: our server behind NGINX. */
export type Nginx = AsyncDisposable & {
  spec: PeerSpec
  /** The same, but only the processes of NGINX count. */
  proxy: PeerSpec
  /** Seconds from `docker compose up` to healthy, with the images built. */
  startTime: number
  /** Bytes of each unpacked image. */
  images: Record<string, number>
}

/** Starts the composed stack. All processes of both containers count as one peer. */
export async function startNginx(name: string, proxyName: string, progress: Progress): Promise<Nginx> {
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
  const [proxyPids = [], ...serverPids] = tops.map(top => (top.match(/\d+/g) ?? []).map(Number))
  return {
    spec: createAddress(name, ws, [proxyPids, ...serverPids].flat()),
    proxy: createAddress(proxyName, ws, proxyPids),
    startTime,
    images: { server: await sizeOf(await serverImage()), client: await sizeOf(await clientImage()) },
    async [Symbol.asyncDispose]() {
      interruptible.delete(down)
      await down()
    },
  }
}

const sizeOf = async (image: string) => Number(await docker('image', 'inspect', '-f', '{{.Size}}', image))

const interruptible = new Set<() => Promise<void>>()

/** Takes down all stacks, even those still starting. Used on a signal. */
export async function takeDown(): Promise<void> {
  await Promise.allSettled([...interruptible].map(down => down()))
}
