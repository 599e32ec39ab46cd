import type { Source } from '../engine/device/shader'

export function expand(path: string): { code: string; sources: Source[] }
