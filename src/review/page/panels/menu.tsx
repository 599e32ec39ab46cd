/** @file The context menu of the selected masks: the commands that apply to them, with their keys. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { messageOf } from '../../../host/errors'
import { type Command, commands, keyText } from '../commands'
import { count, session } from '../state/app'
import { setClass } from '../marks'
import { classes } from '../state/classes'
import { menuAt } from '../state/menu'
import { notify } from '../state/notices'

/** Smallest distance to the window's edge in CSS pixels. */
const edge = 4

/** The commands for this number of selected masks, in groups. */
function offered(chosen: number): Command[][] {
  if (!chosen)
    return [
      [commands.paste, commands.comment],
      [commands.all, commands.fit, commands.hide],
    ]
  return [
    [...(chosen > 1 ? [commands.merge] : [commands.redraw, commands.cut]), commands.split, commands.fill],
    [commands.lock, commands.comment, commands.copy],
    [commands.centre, commands.all],
    [commands.remove],
  ]
}

const close = () => void (menuAt.value = null)

export function Menu() {
  const box = useRef<HTMLDivElement>(null)
  const at = menuAt.value
  useLayoutEffect(() => {
    const element = box.current
    if (!at || !element) return
    const { width, height } = element.getBoundingClientRect()
    element.style.left = `${Math.max(edge, Math.min(at[0], innerWidth - width - edge))}px`
    element.style.top = `${Math.max(edge, Math.min(at[1], innerHeight - height - edge))}px`
    const before = document.activeElement as HTMLElement | null
    element.querySelector('button')?.focus()
    const outside = (event: Event) => !element.contains(event.target as Node) && close()
    addEventListener('pointerdown', outside, true)
    addEventListener('wheel', close, { capture: true, passive: true })
    addEventListener('blur', close)
    return () => {
      removeEventListener('pointerdown', outside, true)
      removeEventListener('wheel', close, true)
      removeEventListener('blur', close)
      if (element.contains(document.activeElement) || document.activeElement === document.body) before?.focus()
    }
  }, [at])
  if (!at) return null
  const chosen = session.value?.selection.value.size ?? 0
  const run = (command: Pick<Command, 'run'>) => {
    close()
    try {
      command.run()
    } catch (error) {
      notify('error', messageOf(error))
    }
  }
  const key = (event: KeyboardEvent) => {
    event.stopPropagation()
    const items = [...box.current!.querySelectorAll('button')]
    const place = items.indexOf(document.activeElement as HTMLButtonElement)
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: items.length - 1 }[event.key]
    if (event.key === 'Escape' || event.key === 'Tab') close()
    else if (to !== undefined) items[(to + items.length) % items.length].focus()
    else return
    event.preventDefault()
  }
  return (
    <div ref={box} class="menu" role="menu" aria-label={chosen ? count(chosen, 'mask') : 'Image'} onKeyDown={key}>
      <p class="soft">{chosen ? `${count(chosen, 'mask')} selected` : 'No mask here'}</p>
      {chosen > 0 && classes.value.length > 0 && (
        <div role="group" aria-label="Class">
          {classes.value.map(({ name, colour }, i) => (
            <button type="button" role="menuitem" onClick={() => run({ run: () => setClass(session.value!, i) })}>
              <span>
                <i class="swatch" style={{ background: colour }} aria-hidden="true" /> {name}
              </span>
              {i < 9 && <kbd>{i + 1}</kbd>}
            </button>
          ))}
        </div>
      )}
      {offered(chosen).map((group) => (
        <div role="group">
          {group.map((command) => (
            <button type="button" role="menuitem" onClick={() => run(command)}>
              <span>{command.label.split(':')[0]}</span>
              <kbd>{keyText(command.keys[0])}</kbd>
            </button>
          ))}
        </div>
      ))}
    </div>
  )
}
