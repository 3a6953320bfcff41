import { spawnSync } from 'node:child_process'
import { type ContainerRuntimeClient, getContainerRuntimeClient, getReaper } from 'testcontainers'

/**
 * Resolves when a Docker engine with compose answers.
 * @throws why no containers can be started here
 */
export async function findEngine(): Promise<ContainerRuntimeClient> {
  // Compose publishes ports on loopback, but in a container testcontainers would look for them on the bridge.
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1'
  const client = await getContainerRuntimeClient()
  if (spawnSync('docker', ['compose', 'version']).status !== 0) throw new Error('docker compose is not installed')
  return client
}

/** Whether containers can be started here. */
export const hasEngine = (): Promise<boolean> =>
  findEngine().then(
    () => true,
    () => false,
  )

/**
 * Starts the container by which testcontainers removes the others after a crash. Where it can't start, as without its
 * image, this process and its children go on without it.
 * @throws why no containers can be started here
 */
export async function startReaper(): Promise<void> {
  const client = await findEngine()
  if (process.env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return
  try {
    await getReaper(client)
  } catch (error) {
    process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
    console.warn(
      `Killed tests will leave their containers behind: their reaper can't start (${(error as Error).message.trim()})`,
    )
  }
}
