/** @file Types of the part of yauzl that is used; the package has no types. */
declare module 'yauzl' {
  export interface Entry {
    fileName: string
    compressionMethod: number
    compressedSize: number
    uncompressedSize: number
    crc32: number
  }
  export interface ZipFile {
    eachEntry(): AsyncIterable<Entry>
    readLocalFileHeaderPromise(entry: Entry, options: { minimal: true }): Promise<{ fileDataStart: number }>
    close(): void
  }
  export function openPromise(path: string, options: { lazyEntries: boolean; autoClose: boolean }): Promise<ZipFile>
}
