/**
 * @file Load before measurements. A GPU that was idle lowers its clock rates, and raises them only after up to a second of
 * work: what is timed before then is several times too slow. While the host prepares a case, the GPU is idle.
 */
import type { Engine } from '../engine/device/engine'
import type { Program } from '../engine/graph/program'
import { Workbench } from './micro-case'
import { multiplyAdd } from './peaks'

/** Load before the first measurement, milliseconds; after a shorter pause it is as long as the pause. */
const LONGEST = 1000
/** Pauses below this need no load, milliseconds. */
const SHORTEST = 50
/** Workgroups of the load: enough for any GPU, in a few milliseconds. */
const GROUPS = 2048

interface Load {
  program: Program
  /** When the GPU was last known to be busy. */
  busy: number
}

const loads = new WeakMap<GPUDevice, Promise<Load>>()

async function prepare(engine: Engine): Promise<Load> {
  const bench = new Workbench(engine, false)
  multiplyAdd(GROUPS).record(bench)
  return { program: await bench.g.compile(), busy: -Infinity }
}

/** The milliseconds of load that a pause asks for. */
export const loadAfter = (pause: number): number => (pause < SHORTEST ? 0 : Math.min(pause, LONGEST))

/** Keeps a GPU busy until its clocks are up. To be called right before timing; does nothing on a software adapter. */
export async function warmUp(engine: Engine): Promise<void> {
  if (engine.software) return
  let load = loads.get(engine.device)
  if (!load) loads.set(engine.device, (load = prepare(engine)))
  const state = await load
  const end = performance.now() + loadAfter(performance.now() - state.busy)
  while (performance.now() < end) {
    state.program.run()
    await engine.idle()
  }
  state.busy = performance.now()
}

/** Says that the GPU was busy until now. To be called right after timing. */
export async function wasBusy(engine: Engine): Promise<void> {
  const load = await loads.get(engine.device)
  if (load) load.busy = performance.now()
}
