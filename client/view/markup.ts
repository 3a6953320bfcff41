import { element } from './element.ts'

const files = new Map<string, Promise<Document>>()

/**
 * Fills the elements that a file of the page has content for; they have the same ids.
 * @throws if the page's server does not answer
 */
export async function addMarkup(root: ParentNode, file: string): Promise<void> {
  const loading = files.get(file) ?? load(file)
  files.set(file, loading)
  // The next time, the server may answer.
  loading.catch(() => files.delete(file))
  for (const part of (await loading).body.children) {
    element(root, `#${part.id}`, HTMLElement).replaceChildren(...document.importNode(part, true).childNodes)
  }
}

/** Reads a file as a document: Trusted Types permit no script to parse text. */
function load(file: string): Promise<Document> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.responseType = 'document'
    request.addEventListener('load', () =>
      request.status === 200 ? resolve(request.response) : reject(new Error(`${file} got ${request.status}`)),
    )
    request.addEventListener('error', reject)
    request.open('GET', file)
    request.send()
  })
}
