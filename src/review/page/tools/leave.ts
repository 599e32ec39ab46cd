/** @file Before the image changes: clicks that wait for the model are answered, and a mask that is not taken is asked about. */
import { ask } from '../state/ask'
import { openImage, session } from '../state/app'
import type { ImageSession } from '../state/image-session'
import { notify } from '../state/notices'
import { addable, addSimilar, endSearch } from '../state/similar'
import { clicksAnswered, pending } from './one-click'
import { predicting, promptMasks, promptTool, prompting, shown } from './prompt'

/** @returns false if the image has to stay open */
export async function settle(open: ImageSession): Promise<boolean> {
  if (pending.value.length) {
    notify('note', 'The clicks that wait for the model are answered first.')
    await clicksAnswered()
  }
  if (addable.value.length) {
    const answer = await ask('Similar particles are not added', `${addable.value.length} masks were found.`, [
      'Add them',
      'Discard them',
      'Stay',
    ])
    if (answer === 'Add them') addSimilar()
    else if (answer !== 'Discard them') return false
  }
  endSearch()
  if (!prompting.value) return session.peek() === open
  const ready = !predicting.value && promptMasks.value[shown.value]
  const answer = ready
    ? await ask('The model’s mask is not taken', 'A mask of the model is shown that is not among the masks yet.', [
        'Take it',
        'Discard it',
        'Stay',
      ])
    : await ask('A prompt is not answered', 'The model has not answered the last points yet.', ['Stay', 'Discard them'])
  if (answer === 'Take it') promptTool.finish!(open, false)
  else if (answer?.startsWith('Discard')) promptTool.cancel!()
  else return false
  return session.peek() === open
}

/** Opens another image, unless something on the open one keeps it. */
export async function leaveFor(name: string): Promise<void> {
  const open = session.peek()
  if (!open || (await settle(open))) await openImage(name)
}
