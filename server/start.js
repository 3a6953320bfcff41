// Runs `npm start`, and `npm run dev` with --watch. This file runs on Node.js 18 and newer, so that it can explain what
// is missing where the server itself cannot run.
import { execSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const parent = process.ppid

const problem = findProblem()
if (problem) {
  console.error(problem)
  process.exit(1)
}
process.chdir(fileURLToPath(new URL('..', import.meta.url)))
if (process.argv.includes('--watch')) {
  endWithParent('SIGTERM')
  await develop()
} else {
  // The server ends gracefully on SIGHUP even if it comes after another signal.
  endWithParent('SIGHUP')
  await start()
}

function findProblem() {
  try {
    createRequire(import.meta.url).resolve('esbuild')
  } catch {
    return 'Packages are missing. Run "npm ci --include=dev", then try again.'
  }
  // Node.js sets this if it can run TypeScript.
  if (process.features.typescript) return
  return `Node.js ${process.versions.node} is too old. Use 22.18 or newer, or install the project's own with "npm rebuild node --ignore-scripts=false".`
}

/** Ends this process when npm ends: npm sends its signals to a shell, and not every shell passes them on. */
function endWithParent(signal) {
  if (!process.env.npm_lifecycle_event) return
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, signal)
  }, 200)
  timer.unref()
}

async function start() {
  try {
    execSync('npm run --silent build:client -- --log-level=warning', { stdio: 'inherit' })
  } catch {
    // The build has printed its errors.
    process.exit(1)
  }
  await import('./local.ts')
}

async function develop() {
  const { default: concurrently } = await import('concurrently')
  const commands = [
    { name: 'page', command: 'npm run build:client -- --watch=forever' },
    { name: 'server', command: 'node --watch server/local.ts' },
  ]
  await concurrently(commands, { killOthersOn: ['failure', 'success'] }).result.catch(() => process.exit(1))
}
