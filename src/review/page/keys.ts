/** @file The keyboard: keys run commands, unless the focus is in an input field. */
import { crosshairKey, releaseCrosshair } from './canvas/crosshair'
import { holdSpace } from './canvas/editor'
import { type Command, commands, helpOpen, pressedKey } from './commands'
import { messageOf } from '../../host/errors'
import { session } from './state/app'
import { notify } from './state/notices'
import { toolName, tools } from './tools'

const byKey = new Map<string, Command>()
for (const command of Object.values<Command>(commands)) for (const key of command.keys) byKey.set(key, command)

/** A key with its modifiers, as commands name it. Shift counts only if it does not change the character. */
function nameOf(event: KeyboardEvent): string {
  const key = event.key.toLowerCase()
  const shift = event.shiftKey && (key.length > 1 || /\p{L}/u.test(key)) ? 'shift+' : ''
  const control = (event.ctrlKey || event.metaKey) && !event.getModifierState('AltGraph')
  return `${control ? 'ctrl+' : ''}${shift}${key}`
}

/** Whether the focused element uses the key itself. */
function typing(event: KeyboardEvent): boolean {
  const element = event.target as HTMLElement
  if (element.isContentEditable) return true
  const { tagName } = element
  if (tagName === 'SELECT' || tagName === 'TEXTAREA') return true
  if (tagName === 'INPUT') {
    const { type } = element as HTMLInputElement
    if (type === 'checkbox' || type === 'radio') return event.key === ' '
    if (type === 'range') return /^(Arrow|Page|Home|End)/.test(event.key)
    return true
  }
  return tagName === 'BUTTON' || tagName === 'A' ? event.key === 'Enter' || event.key === ' ' : false
}

export function listen(): void {
  addEventListener('keydown', (event) => {
    // AltGr types characters such as [ on many keyboards, and is reported as Ctrl and Alt on some systems
    const third = event.getModifierState('AltGraph')
    if (event.isComposing || (event.altKey && !third)) return
    if (event.key === 'Escape' && (event.target as HTMLElement).tagName === 'INPUT') {
      ;(event.target as HTMLElement).blur()
      return
    }
    // an open dialog handles Escape and its buttons; commands do not run behind it
    if (document.querySelector('dialog[open]')) {
      if (event.key === '?' && helpOpen.value) helpOpen.value = false
      return
    }
    if (typing(event)) return
    const open = session.value
    const tool = tools[toolName.value]
    if (open && crosshairKey(open, event)) return event.preventDefault()
    if (event.key === ' ' && !event.repeat) holdSpace(true)
    if (event.key === ' ') return event.preventDefault()
    // Tab moves the focus as usual, unless the canvas has it and the model offers several masks
    const onCanvas = (event.target as HTMLElement).matches('body, canvas')
    if (event.key === 'Tab' && (event.shiftKey || !onCanvas || !(open && tool.cycle?.(open)))) return
    if (event.key === 'Tab') return event.preventDefault()
    if (event.key === 'Backspace' && open && tool.back?.(open)) return event.preventDefault()
    const command = byKey.get(nameOf(event))
    if (!command) return
    event.preventDefault()
    pressedKey.value = nameOf(event)
    try {
      command.run()
    } catch (error) {
      notify('error', messageOf(error))
    } finally {
      pressedKey.value = ''
    }
  })
  const release = () => {
    holdSpace(false)
    releaseCrosshair(session.value)
  }
  addEventListener('keyup', (event) => event.key === ' ' && release())
  addEventListener('blur', release)
}
