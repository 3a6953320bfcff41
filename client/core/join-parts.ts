/** ms of work before it yields: half a frame at 60 Hz. */
const SLICE = 8

/** Joins the parts of a large file. Their texts are created in slices of time, so that the page does not freeze. */
export async function joinParts(parts: Iterable<string>, type: string): Promise<Blob> {
  const blobs: Blob[] = []
  let batch: string[] = []
  let sliceEnd = performance.now() + SLICE
  for (const part of parts) {
    batch.push(part)
    if (performance.now() < sliceEnd) continue
    // A browser may keep blobs on disk.
    blobs.push(new Blob(batch))
    batch = []
    // Lets the browser draw and handle input.
    await new Promise(resolve => setTimeout(resolve, 0))
    sliceEnd = performance.now() + SLICE
  }
  return new Blob([...blobs, ...batch], { type })
}
