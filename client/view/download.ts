/** Saves a blob as a file. */
export function download(blob: Blob, name: string) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // Firefox reads the blob after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
