export function findChromium(): string | undefined
export function findTrackerPython(): string | undefined
