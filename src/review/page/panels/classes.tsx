/** @file The classes: chips above the list that filter it, and the dialog that edits the project's list of classes. */
import { useEffect, useRef } from 'preact/hooks'
import { maxClassName } from '../../../project/review/mask-marks'
import { setClass } from '../marks'
import { classes, classesOpen, nextColour, setClasses, shownClass } from '../state/classes'
import type { ImageSession } from '../state/image-session'

export function ClassChips({ session }: { session: ImageSession }) {
  void session.version.value
  const list = classes.value
  const counts = new Map<string | null, number>()
  for (const id of session.masks.keys()) {
    const { className } = session.marksOf(id)
    counts.set(className, (counts.get(className) ?? 0) + 1)
  }
  // classes of masks that are not in the list any more are shown too
  const others = [...counts.keys()].filter((name) => name !== null && !list.some((known) => known.name === name))
  const chosen = session.selection.value.size
  if (!list.length && !others.length)
    return (
      <div class="chips">
        <button type="button" class="plain" onClick={() => (classesOpen.value = true)}>
          + Classes
        </button>
      </div>
    )
  const chip = (name: string, label: string, colour: string | null, key: string) => (
    <button
      type="button"
      key={name}
      class="chip"
      aria-pressed={shownClass.value === name}
      title={`Show only these in the list${key ? `; ${key} gives this class to the selected masks` : ''}`}
      onClick={() => (shownClass.value = shownClass.value === name ? null : name)}
    >
      {colour && <i style={{ background: colour }} aria-hidden="true" />}
      {label} <span class="soft">{counts.get(name || null) ?? 0}</span>
    </button>
  )
  return (
    <div class="chips" role="group" aria-label="Classes">
      {list.map(({ name, colour }, i) => chip(name, name, colour, i < 9 ? `${i + 1}` : ''))}
      {others.map((name) => chip(name!, name!, null, ''))}
      {chip('', 'none', null, '')}
      {chosen > 0 && list.length > 9 && (
        <select
          aria-label="Class of the selected masks"
          value=""
          onChange={(event) => setClass(session, Number(event.currentTarget.value))}
        >
          <option value="">set …</option>
          {list.map(({ name }, i) => (
            <option value={i}>{name}</option>
          ))}
        </select>
      )}
      <button type="button" class="plain" onClick={() => (classesOpen.value = true)}>
        Edit
      </button>
    </div>
  )
}

export function ClassesDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  const open = classesOpen.value
  useEffect(() => {
    if (open) dialog.current?.showModal()
    else dialog.current?.close()
  }, [open])
  const list = classes.value
  const change = (at: number, part: Partial<(typeof list)[0]>) =>
    void setClasses(list.map((one, i) => (i === at ? { ...one, ...part } : one)))
  const add = (event: SubmitEvent) => {
    event.preventDefault()
    const input = (event.currentTarget as HTMLFormElement).elements.namedItem('name') as HTMLInputElement
    const name = input.value.trim()
    if (!name || list.some((one) => one.name === name)) return
    void setClasses([...list, { name, colour: nextColour() }])
    input.value = ''
  }
  return (
    <dialog ref={dialog} class="classes" aria-label="Classes" onClose={() => (classesOpen.value = false)}>
      <h2>Classes of masks</h2>
      <p class="soft">
        The keys 1 to 9 give a class to the selected masks. The list is the project’s; masks keep a class that is
        removed from it.
      </p>
      <ol>
        {list.map(({ name, colour }, i) => (
          <li key={name}>
            {i < 9 ? <kbd>{i + 1}</kbd> : <span />}
            <input
              type="color"
              aria-label={`Colour of ${name}`}
              value={colour}
              onChange={(event) => change(i, { colour: event.currentTarget.value })}
            />
            <span>{name}</span>
            <button type="button" onClick={() => void setClasses(list.filter((_, at) => at !== i))}>
              Remove
            </button>
          </li>
        ))}
      </ol>
      <form class="row" onSubmit={add}>
        <input
          type="text"
          name="name"
          aria-label="Name of a new class"
          placeholder="New class"
          maxLength={maxClassName}
        />
        <button type="submit">Add</button>
        <button type="button" class="primary" onClick={() => dialog.current?.close()}>
          Done
        </button>
      </form>
    </dialog>
  )
}
