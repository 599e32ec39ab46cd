/** @file CPU and memory use of this process and this machine. */
import { freemem, totalmem } from 'node:os'
import type { SystemMetrics } from './sink'

/** Returns a function that measures; CPU use is averaged since its last call (at first: since its creation). */
export function systemProbe(gpuBytes: () => number | null): () => SystemMetrics {
  let used = process.cpuUsage()
  let at = performance.now()
  return () => {
    const now = performance.now()
    const { user, system } = process.cpuUsage(used)
    // used is in microseconds, now in milliseconds
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
