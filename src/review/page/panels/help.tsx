/** @file The help sheet: the keys of all commands. */
import { useEffect, useRef } from 'preact/hooks'
import { type Command, commands, helpOpen, keyText } from '../commands'
import { Icon } from './icons'

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null)
  const open = helpOpen.value
  useEffect(() => {
    if (open) dialog.current?.showModal()
    else dialog.current?.close()
  }, [open])
  const all: Command[] = Object.values(commands)
  const groups = [...new Set(all.map(({ group }) => group))]
  return (
    <dialog ref={dialog} class="help" aria-label="Keyboard shortcuts" onClose={() => (helpOpen.value = false)}>
      <header>
        <h2>Keyboard shortcuts</h2>
        <button type="button" class="square" aria-label="Close" onClick={() => (helpOpen.value = false)}>
          <Icon name="close" />
        </button>
      </header>
      <div class="groups">
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {all
                .filter((command) => command.group === group)
                .map(({ label, keys }) => (
                  <div key={label}>
                    <dt>
                      {(keys.length > 3 ? [`${keys[0]} … ${keys.at(-1)}`] : keys.map(keyText)).map((key) => (
                        <kbd>{key}</kbd>
                      ))}
                    </dt>
                    <dd>{label}</dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
      <p class="soft">
        Space+drag, the middle button or two fingers on a touch pad move the view; the wheel zooms at the pointer. Point
        tool with one click: a click takes the mask shown, a dragged box the mask in it; each begins a new particle.
        Shift+click adds a point to the selected mask, right-click or Alt+click a point beside it, Backspace removes the
        last point, Ctrl+click asks the model even where a mask is. With click and Enter, all clicks belong to one
        particle until Enter; right-click, Shift+click or Alt+click is a point beside it.
      </p>
    </dialog>
  )
}
