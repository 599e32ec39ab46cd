/** @file Colours of masks: consecutive ids have very different hues. */

/** A colour as canvas pixels are stored: 32-bit ABGR. */
export const pack = (r: number, g: number, b: number, a: number) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0

/** Red, green and blue of a mask, 0 to 255. */
export function colourOf(id: number): [number, number, number] {
  const hue = (id * 0.6180339887498949 * 360) % 360
  const lightness = [0.6, 0.7, 0.52][id % 3]
  return hsl(hue, 0.85, lightness)
}

export const cssColour = (id: number) => `rgb(${colourOf(id).join(' ')})`

function hsl(hue: number, saturation: number, lightness: number): [number, number, number] {
  const a = saturation * Math.min(lightness, 1 - lightness)
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return [channel(0), channel(8), channel(4)]
}

export const selectedColour: [number, number, number] = [255, 255, 255]
/** Colour of the uncovered area, if it is highlighted. */
export const uncoveredColour: [number, number, number] = [255, 40, 160]
