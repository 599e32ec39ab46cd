/**
 * @file Images that this window had open, as they were when it left them: while the server is away they can be opened again and
 * edited. Their outboxes still hold what was not sent.
 */
import type { ImageSession, KeptImage } from './image-session'
import type { Outbox } from './outbox'

/** Images that are kept at most; those with unsent actions are kept in any case. */
const MOST = 12

/** The one left last at the end. */
const kept = new Map<string, KeptImage>()

/** Keeps an image that is being left. */
export function keep({ name, info, document, entries, revision, file, outbox }: ImageSession): void {
  kept.delete(name)
  kept.set(name, { history: { image: info, proposals: [...document.proposals], entries, revision }, file, outbox })
  for (const [other, { outbox }] of kept) if (kept.size > MOST && !outbox.pending.peek()) kept.delete(other)
}

export const keptImage = (name: string): KeptImage | undefined => kept.get(name)

/** After its unsent actions were refused: what the window had is not what is saved. */
export const forget = (name: string): void => void kept.delete(name)

/** Resolves when all actions of an image are in the log, true; or when the server is found to be away, false. */
export async function sent(outbox: Outbox): Promise<boolean> {
  let stop = () => {}
  const away = new Promise<false>((resolve) => {
    stop = outbox.link.subscribe((link) => link === 'offline' && resolve(false))
  })
  const answer = await Promise.race([outbox.idle().then(() => true), away])
  stop()
  return answer
}
