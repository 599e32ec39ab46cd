import { openEngine } from '../../src/host/gpu'

/** One engine a test process. */
export const engine = await openEngine()
