export interface Source {
  uris: string[]
  suites: string[]
  components: string[]
  signedBy?: string
}

export function parseSources(text: string): Source[]
export function backportsSource(sources: Source[], codename: string): string | null
export function newEnough(madison: string): { version: string; suite: string } | null
