/** @file The Filter panel's button that applies its settings to all images that are not accepted, and undoes it again. */
import { signal } from '@preact/signals'
import type { FilterOptions } from '../../../../engine/generate/filter'
import { messageOf } from '../../../host/errors'
import { allSent, count, images, refresh } from '../state/app'
import type { ImageSession } from '../state/image-session'
import { notify } from '../state/notices'
import { type RefilteredAll, refilterAll, undoAll } from '../state/refilter-all'

/** What runs: the number of images done, of a total. */
const running = signal<{ done: number; total: number; stop: AbortController } | null>(null)
const last = signal<RefilteredAll['changed']>([])

interface Props {
  session: ImageSession
  options: FilterOptions
  /** Applies them to the open image; null if that would change nothing. */
  apply: (() => void) | null
}

const openImages = () => images.value.filter(({ state, problem }) => state !== 'accepted' && !problem)

async function run({ session, options, apply }: Props): Promise<void> {
  const others = openImages().filter(({ info }) => info.name !== session.name)
  const isOpen = session.state.value !== 'accepted'
  const stop = new AbortController()
  running.value = { done: 0, total: others.length, stop }
  try {
    if (isOpen) apply?.()
    await allSent()
    const names = others.map(({ info }) => info.name)
    const progress = (done: number) => (running.value = { done, total: names.length, stop })
    const { changed, added, removed, without, failed } = await refilterAll(names, options, progress, stop.signal)
    last.value = changed
    const more = without ? ` ${count(without, 'image')} without candidates stayed as they are.` : ''
    const here = isOpen && apply ? ' and in the open one' : ''
    notify('note', `In ${count(changed.length, 'image')}: −${removed}, +${added} masks${here}.${more}`)
    if (failed.length) notify('error', `Not filtered: ${failed.slice(0, 3).join('; ')}${failed.length > 3 ? ' …' : ''}`)
    await refresh()
  } catch (error) {
    notify('error', messageOf(error))
  } finally {
    running.value = null
  }
}

async function undo(): Promise<void> {
  const changed = last.value
  last.value = []
  try {
    const undone = await undoAll(changed)
    const kept = changed.length - undone
    const why = kept ? ` ${count(kept, 'image')} changed since and stayed as they are.` : ''
    notify('note', `The filter was undone in ${count(undone, 'image')}.${why} In the open image Ctrl+Z undoes it.`)
    await refresh()
  } catch (error) {
    last.value = changed
    notify('error', messageOf(error))
  }
}

export function FilterAll(props: Props) {
  const now = running.value
  const total = openImages().length
  if (now)
    return (
      <div class="row" role="status">
        <progress value={now.done} max={Math.max(1, now.total)} aria-label="images filtered" />
        {now.done} of {now.total}
        <button type="button" onClick={() => now.stop.abort()}>
          Stop
        </button>
      </div>
    )
  return (
    <div class="row">
      <button
        type="button"
        disabled={!total || (total === 1 && !props.apply)}
        title="Applies these settings to every image that is not accepted, as one edit in each. Masks that you drew, changed or removed stay as they are"
        onClick={() => void run(props)}
      >
        Filter all {count(total, 'open image')}
      </button>
      {last.value.length > 0 && (
        <button type="button" onClick={() => void undo()}>
          Undo in {count(last.value.length, 'image')}
        </button>
      )}
    </div>
  )
}
