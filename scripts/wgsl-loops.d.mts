export function uninitialisedInLoops(code: string): { line: number; name: string }[]
export function checkShaders(folder: string): string[]
