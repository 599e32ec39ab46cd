/** @file What a tool of the canvas is. Tools get positions in image pixels and draw their marks in window pixels. */
import type { Viewport } from '../image/viewport'
import type { Point } from '../../../../engine/image/box'
import type { ImageSession } from '../state/image-session'

export interface Pointer {
  image: Point
  /** CSS pixels from the canvas's corner. */
  window: Point
  /** Where Shift was held; Ctrl or Command; Alt. */
  shift: boolean
  ctrl: boolean
  alt: boolean
  /** The right button. */
  right: boolean
  double: boolean
}

export type ToolName = 'select' | 'prompt' | 'brush' | 'erase' | 'lasso' | 'redraw' | 'cut' | 'pan'

export interface Tool {
  /** The button went down. */
  down?(session: ImageSession, at: Pointer): void
  /** It moves while down. */
  drag?(session: ImageSession, at: Pointer): void
  up?(session: ImageSession, at: Pointer): void
  /** The pointer moves, no button down. */
  over?(session: ImageSession, at: Pointer): void
  /** Enter and Escape; whether the tool had something to end. */
  finish?(session: ImageSession, replace: boolean): boolean
  cancel?(): boolean
  /** Tab: another of several answers. */
  cycle?(): boolean
  /** Backspace: takes the last point back. */
  back?(session: ImageSession): boolean
  draw?(context: CanvasRenderingContext2D, viewport: Viewport, pointer: Point | null): void
}
