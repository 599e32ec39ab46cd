/** @file The length of a scale bar: a round number that fits. */

/** The largest length of the form 1, 2 or 5 times a power of ten that is not over `most`. */
export function roundLength(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most))
  const factor = [5, 2, 1].find((times) => times * power <= most * (1 + 1e-9)) ?? 1
  // 3 * 0.1 is not 0.3
  return Number((factor * power).toPrecision(3))
}

/** A length in metres with the unit that gives a number from 1 to 999. */
export function metresText(metres: number): string {
  const steps = [
    ['pm', 1e12],
    ['nm', 1e9],
    ['µm', 1e6],
    ['mm', 1e3],
    ['m', 1],
  ] as const
  const [unit, per] = steps.findLast(([, per]) => metres * per >= 1 - 1e-9) ?? steps[0]
  // the last unit in which it is at least 1 has the smallest number
  return `${Number((metres * per).toPrecision(4))} ${unit}`
}
