/** @file The tools, and the current one. */
import { signal } from '@preact/signals'
import { brushTool, eraseTool } from './brush'
import { cutTool } from './cut'
import { lassoTool, redrawTool } from './outline'
import { promptTool } from './prompt'
import { calibrateTool, rulerTool } from './ruler'
import { select } from './select'
import type { Tool, ToolName } from './tool'

export const tools: Record<ToolName, Tool> = {
  select,
  prompt: promptTool,
  brush: brushTool,
  erase: eraseTool,
  lasso: lassoTool,
  redraw: redrawTool,
  cut: cutTool,
  pan: {},
  ruler: rulerTool,
  calibrate: calibrateTool,
}

export const toolName = signal<ToolName>('select')

/** Switches to a tool and cancels the previous one's current action. */
export function chooseTool(name: ToolName): void {
  tools[toolName.value].cancel?.()
  toolName.value = name
}
