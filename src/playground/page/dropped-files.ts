/** @file The files that were dropped on the page, those in folders included. */

const filesOf = async (entry: FileSystemEntry): Promise<File[]> => {
  if (entry.isFile) return [await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail))]
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: File[] = []
  for (;;) {
    // a call gives a part of the entries, at last none
    const entries = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail))
    if (!entries.length) return found
    for (const inner of entries) found.push(...(await filesOf(inner)))
  }
}

/** Must be called while the event is handled: afterwards the browser has forgotten the items. */
export async function droppedFiles({ dataTransfer }: DragEvent): Promise<File[]> {
  const plain = [...(dataTransfer?.files ?? [])]
  const entries = [...(dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.() ?? null)
  if (!entries.some((entry) => entry?.isDirectory)) return plain
  const found: File[] = []
  for (const entry of entries) if (entry) found.push(...(await filesOf(entry)))
  return found
}
