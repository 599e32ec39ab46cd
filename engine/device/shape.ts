/** @file Shapes of tensors: their elements, their comparison, and their text in messages. */

/** The number of elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Whether two shapes have the same dimensions. */
export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

/** A shape as text: '(3, 64)'. */
export const shapeText = (shape: readonly number[]): string => `(${shape.join(', ')})`
