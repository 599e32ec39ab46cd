/** @file What the server's GPU is doing while a person waits for the model. */
import { effect, type ReadonlySignal, signal } from '@preact/signals'
import type { BusyReply } from '../../protocol'
import { api } from '../api'

/** Set while a request waits for something else than itself. */
export const waitingFor = signal<BusyReply['doing']>(null)

/** Asks the server what it does while `waiting` is true for more than a moment; `take` gets null in the end. */
export function watchBusy(waiting: ReadonlySignal<boolean>, take: (reply: BusyReply | null) => void): void {
  let timer = 0
  const ask = async () => {
    const reply = await api.busy().catch(() => null)
    if (!timer) return
    take(reply)
    timer = window.setTimeout(() => void ask(), 500)
  }
  effect(() => {
    clearTimeout(timer)
    timer = 0
    if (waiting.value) timer = window.setTimeout(() => void ask(), 300)
    else take(null)
  })
}
