/** @file The toolbar beside the canvas. */
import { commands } from '../commands'
import { count, session } from '../state/app'
import { coverage, hidden, numbers, style } from '../state/prefs'
import { toolName } from '../tools'
import type { ToolName } from '../tools/tool'
import { Button } from './button'

const order: ToolName[] = ['select', 'prompt', 'brush', 'erase', 'lasso', 'redraw', 'cut', 'pan']

export function Toolbar() {
  const open = session.value
  const chosen = open?.selection.value.size ?? 0
  return (
    <div class="rail" role="toolbar" aria-label="Tools" aria-orientation="vertical">
      {order.map((name) => (
        <Button key={name} command={commands[name]} icon={name} pressed={toolName.value === name} disabled={!open} />
      ))}
      <hr />
      <Button command={commands.remove} icon="remove" disabled={!chosen} />
      <Button command={commands.merge} icon="merge" disabled={chosen < 2} />
      <Button command={commands.split} icon="split" disabled={!chosen} />
      <Button command={commands.fill} icon="fill" disabled={!chosen} />
      <span class="visually-hidden" aria-live="polite">
        {chosen ? `${count(chosen, 'mask')} selected` : ''}
      </span>
      <hr />
      <Button command={commands.hide} icon="hide" pressed={hidden.value} />
      <Button command={commands.style} icon="outline" pressed={style.value === 'outline'} />
      <Button command={commands.numbers} icon="numbers" pressed={numbers.value} />
      <Button command={commands.coverage} icon="coverage" pressed={coverage.value} />
      <Button command={commands.fit} icon="fit" disabled={!open} />
    </div>
  )
}
