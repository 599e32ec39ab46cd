/** @file Whether WebGPU runs on the processor here, asked without opening a device. */
import { isSoftwareAdapter } from '../../engine/device/software-adapter'
import { requestAdapter } from './dawn'

let answer: Promise<boolean | undefined> | null = null

/** True without a GPU; undefined if there is no adapter at all, or it cannot be asked. Asked once in a process. */
export function runsOnProcessor(): Promise<boolean | undefined> {
  answer ??= requestAdapter().then(
    (adapter) => (adapter ? isSoftwareAdapter(adapter.info) : undefined),
    () => undefined,
  )
  return answer
}
