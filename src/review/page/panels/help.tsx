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
        Space+drag, the middle button or two fingers on a touch pad move the view; the wheel zooms at the pointer.
        Prompts for the model: click on the particle; right-click or Shift+click on the background; drag a box.
        Backspace removes the last point.
      </p>
    </dialog>
  )
}
