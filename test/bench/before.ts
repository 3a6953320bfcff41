import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createLoad } from './load.ts'
import { createProgram } from './peer.ts'
import { peers } from './peers.ts'
import { createSection } from './report.ts'
import { type Progress, runWorkload } from './rounds.ts'
import { type WorkloadName, workloads } from './workloads.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Compares our server with that of a commit, and returns the ratios as Markdown. */
export async function compareWithCommit(
  commit: string,
  duration: { rounds: number; milliseconds: number },
  progress: Progress,
): Promise<string> {
  await using cleanup = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
  await run('git', ['worktree', 'add', '--detach', folder, commit], { cwd: root })
  cleanup.defer(async () => {
    await run('git', ['worktree', 'remove', '--force', folder], { cwd: root })
    await rm(folder, { recursive: true, force: true })
  })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await run('npm', ['run', 'build:server'], { cwd: folder })

  // Builds of older commits wrote one file for each source.
  const built = ['server/dist/main.cjs', 'server/dist/main.js'].map(file => join(folder, file)).find(existsSync) ?? ''
  const program = { file: pathToFileURL(built).href, prefix: '[RE]: ' }
  const specs = [createProgram(commit, program), createProgram(`${commit} again`, program), peers.ours]
  using load = createLoad()
  const sections: string[] = []
  for (const name of Object.keys(workloads) as WorkloadName[]) {
    const rounds = await runWorkload(load, specs, workloads[name], duration, text => progress(`${name}: ${text}`))
    sections.push(createSection(name, rounds))
  }
  progress('done\n')
  return sections.join('\n')
}
