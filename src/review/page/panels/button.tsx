/** @file A button for a command: its icon, its title with the key, and whether it is pressed. */
import type { ComponentChildren } from 'preact'
import { type Command, titleOf } from '../commands'
import { messageOf } from '../../../host/errors'
import { notify } from '../state/notices'
import { Icon, type IconName } from './icons'

interface Props {
  command: Command
  icon?: IconName
  /** For toggle buttons. */
  pressed?: boolean
  disabled?: boolean
  class?: string
  /** A short name beside the icon, shown where there is room. */
  word?: string
  children?: ComponentChildren
}

/** Contains the word that is seen, so that a person who speaks it reaches the button. */
function spoken(label: string, word?: string): string {
  const [name] = label.split(':')
  return word && !name.toLowerCase().split(' ').includes(word.toLowerCase()) ? `${word}: ${name}` : name
}

export function Button({ command, icon, pressed, disabled, class: kind = '', word, children }: Props) {
  const run = () => {
    try {
      command.run()
    } catch (error) {
      notify('error', messageOf(error))
    }
  }
  return (
    <button
      type="button"
      class={`${children ? '' : 'square'} ${kind}`}
      title={titleOf(command)}
      aria-label={children ? undefined : spoken(command.label, word)}
      aria-pressed={pressed}
      aria-keyshortcuts={command.keys.map((key) => key.replace('ctrl', 'Control').replace('shift', 'Shift')).join(' ')}
      disabled={disabled}
      onClick={run}
    >
      {icon && <Icon name={icon} />}
      {word && <span class="word">{word}</span>}
      {children}
    </button>
  )
}
