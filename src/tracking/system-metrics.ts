/** @file How the machine fares: figures of this process and of memory, from the operating system. */
import { freemem, totalmem } from 'node:os'
import type { SystemFigures } from './sink'

/** Makes a function that gives the figures since it was last called (or made). `gpuBytes` is asked each time. */
export function systemProbe(gpuBytes: () => number | null): () => SystemFigures {
  let used = process.cpuUsage()
  let at = performance.now()
  return () => {
    const now = performance.now()
    const { user, system } = process.cpuUsage(used)
    // microseconds against milliseconds
    const cpuPercent = now > at ? (user + system) / 10 / (now - at) : 0
    used = process.cpuUsage()
    at = now
    return {
      cpuPercent,
      rssBytes: process.memoryUsage.rss(),
      freeBytes: freemem(),
      totalBytes: totalmem(),
      gpuBytes: gpuBytes(),
    }
  }
}
