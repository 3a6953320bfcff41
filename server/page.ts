import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { pathOf } from './http/request.ts'
import type { Page } from './http/server.ts'

type File = { body: Buffer; modified: number; type: string }

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
}

/**
 * Serves the files of a folder from memory, so that a client that reads nothing cannot exhaust the file descriptors.
 * Rereads a file when it has changed.
 */
export function createPage(folder: string, headers: Record<string, string>): Page {
  const files = new Map<string, File>()

  const read = (name: string): File | undefined => {
    const type = types[extname(name)]
    if (type === undefined) return
    const known = files.get(name)
    try {
      // Only names that the folder lists become paths, so no name can lead out of the folder.
      if (!known && !readdirSync(folder).includes(name)) return
      const path = join(folder, name)
      const { mtimeMs: modified, size } = statSync(path)
      const isBeingWritten = size === 0
      if (known && (isBeingWritten || (known.modified === modified && known.body.length === size))) return known
      const file = { body: readFileSync(path), modified, type }
      files.set(name, file)
      return file
    } catch {
      // The file is briefly missing during a rebuild, or the process has run out of file descriptors.
      return known
    }
  }

  return (request, response, next) => {
    const path = pathOf(request)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const file = isRead ? read(path === '/' ? 'index.html' : path.slice(1)) : undefined
    if (!file) return next()
    const { body, type } = file
    response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': body.length }).end(body)
  }
}

/** Returns the headers that the servers in an nginx.conf add to every response, except those with variables. */
export function headersOf(conf: string): Record<string, string> {
  const lines = conf.matchAll(/^ {4}add_header (\S+) (?:"([^"$]*)"|([^"$\s]+)) always;$/gm)
  return Object.fromEntries(Array.from(lines, ([, name, quoted, bare]) => [name, quoted ?? bare]))
}
