/** @file The interface of a canvas tool. Tools receive positions in image pixels and draw their marks in window pixels. */
import type { Viewport } from '../image/viewport'
import type { Point } from '../../../../engine/image/box'
import type { ImageSession } from '../state/image-session'

export interface Pointer {
  image: Point
  /** CSS pixels from the canvas's top left corner. */
  window: Point
  shift: boolean
  /** Ctrl or Command. */
  ctrl: boolean
  alt: boolean
  /** The right button. */
  right: boolean
  double: boolean
}

export type ToolName =
  'select' | 'prompt' | 'brush' | 'erase' | 'lasso' | 'redraw' | 'cut' | 'pan' | 'ruler' | 'calibrate'

export interface Tool {
  /** The tool was chosen. */
  start?(session: ImageSession): void
  /** The button was pressed. */
  down?(session: ImageSession, at: Pointer): void
  /** The pointer moved with the button pressed. */
  drag?(session: ImageSession, at: Pointer): void
  /** The pointer left the canvas. */
  leave?(): void
  up?(session: ImageSession, at: Pointer): void
  /** The pointer moved without a button pressed. */
  over?(session: ImageSession, at: Pointer): void
  /** Enter. @returns whether the tool had an action to finish */
  finish?(session: ImageSession, replace: boolean): boolean
  /** Escape. @returns whether the tool had an action to cancel */
  cancel?(): boolean
  /** Tab: shows the next of several predicted masks. */
  cycle?(session: ImageSession): boolean
  /** Backspace: removes the last point. */
  back?(session: ImageSession): boolean
  draw?(context: CanvasRenderingContext2D, viewport: Viewport, pointer: Point | null): void
}
