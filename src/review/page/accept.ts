/** @file Accepts the open image and opens the next one that is not accepted. */
import { ask } from './state/ask'
import { images, openImage, session, summaryOf } from './state/app'
import type { ImageSession } from './state/image-session'
import { notify } from './state/notices'
import { type MaskedImage, unlikeOthers } from './state/unlike-others'
import { settle } from './tools/leave'

/** The next image in the list that is not accepted, from the beginning again after the last. */
function nextOpen(name: string): string | null {
  const list = images.peek()
  const at = list.findIndex(({ info }) => info.name === name)
  const after = [...list.slice(at + 1), ...list.slice(0, at)]
  return after.find(({ state, problem }) => state !== 'accepted' && !problem)?.info.name ?? null
}

const masked = ({ info, masks, covered }: ReturnType<typeof summaryOf>): MaskedImage => ({
  ...{ masks, covered },
  pixels: info.width * info.height,
})

/** What is unusual about an image, compared with accepted ones, or with all while fewer than three are. */
function doubt(open: ImageSession): string | null {
  const others = images.peek().filter(({ info, problem, masks }) => info.name !== open.name && !problem && masks)
  const accepted = others.filter(({ state }) => state === 'accepted')
  return unlikeOthers(masked(summaryOf(open)), (accepted.length >= 3 ? accepted : others).map(masked))
}

export async function accept(open: ImageSession): Promise<void> {
  if (!(await settle(open))) return
  if (open.state.value !== 'accepted') {
    const why = doubt(open)
    if (why && (await ask('Accept this image?', why, ['Accept', 'Review it further'])) !== 'Accept') return
    if (session.peek() !== open) return
    open.setState('accepted')
  }
  const next = nextOpen(open.name)
  if (next) await openImage(next)
  else notify('note', 'All images are accepted: Export writes the dataset.')
}

/** Takes the acceptance back. */
export function withdraw(open: ImageSession): void {
  if (open.state.value === 'accepted') open.setState('in review')
  else notify('note', 'This image is not accepted.')
}
