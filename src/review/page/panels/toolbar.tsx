/** @file The toolbar beside the canvas. */
import { commands } from '../commands'
import { count, session } from '../state/app'
import { coverage, hidden, numbers, style } from '../state/prefs'
import { toolName } from '../tools'
import type { ToolName } from '../tools/tool'
import { Button } from './button'

const words: Partial<Record<ToolName, string>> = {
  select: 'Select',
  prompt: 'Point, box',
  brush: 'Brush',
  erase: 'Eraser',
  lasso: 'Lasso',
  redraw: 'Redraw',
  cut: 'Knife',
  pan: 'Move',
  ruler: 'Ruler',
}

export function Toolbar() {
  const open = session.value
  const chosen = open?.selection.value.size ?? 0
  return (
    <div class="rail" role="toolbar" aria-label="Tools" aria-orientation="vertical">
      {(Object.keys(words) as ToolName[]).map((name) => (
        <Button
          key={name}
          command={commands[name]}
          icon={name}
          word={words[name]}
          pressed={toolName.value === name}
          disabled={!open}
        />
      ))}
      <hr />
      <Button command={commands.remove} word="Remove" icon="remove" disabled={!chosen} />
      <Button command={commands.merge} word="Merge" icon="merge" disabled={chosen < 2} />
      <Button command={commands.split} word="Split" icon="split" disabled={!chosen} />
      <Button command={commands.fill} word="Fill" icon="fill" disabled={!chosen} />
      <Button command={commands.similar} word="Similar" icon="similar" disabled={!chosen} />
      <span class="visually-hidden" aria-live="polite">
        {chosen ? `${count(chosen, 'mask')} selected` : ''}
      </span>
      <hr />
      <Button command={commands.hide} word="Hide" icon="hide" pressed={hidden.value} />
      <Button command={commands.style} word="Outline" icon="outline" pressed={style.value === 'outline'} />
      <Button command={commands.numbers} word="Numbers" icon="numbers" pressed={numbers.value} />
      <Button command={commands.coverage} word="Gaps" icon="coverage" pressed={coverage.value} />
      <Button command={commands.fit} word="Fit" icon="fit" disabled={!open} />
    </div>
  )
}
