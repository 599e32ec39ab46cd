/** @file The engine on this machine's adapter. */
import { openEngine } from '../../src/host/gpu'

/** One engine per test process. */
export const engine = await openEngine()
