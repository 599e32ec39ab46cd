/** @file Recognises the kinds of JPEG that are not read, which decoders call damaged. */

/** The marker before the image's data, and those that have no length. */
const [START_OF_SCAN, NO_LENGTH] = [0xda, [0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]]
/** Frame headers that are not read, by their marker. */
const frames: Record<number, string> = {
  0xc3: 'lossless JPEG',
  0xc5: 'hierarchical JPEG',
  0xc6: 'hierarchical JPEG',
  0xc7: 'lossless JPEG',
  0xcb: 'lossless JPEG',
  0xcd: 'hierarchical JPEG',
  0xce: 'hierarchical JPEG',
  0xcf: 'lossless JPEG',
  0xf7: 'JPEG-LS',
}

/** What kind of JPEG it is, if it is one that is not read: lossless, JPEG-LS, or of other than 8 bits. @param start of the file */
export function unusualJpeg(start: Uint8Array): string | undefined {
  if (start[0] !== 0xff || start[1] !== 0xd8) return undefined
  for (let at = 2; at + 4 < start.length;) {
    const marker = start[at + 1]
    if (start[at] !== 0xff || marker === START_OF_SCAN) return undefined
    if (marker === 0xff) at++
    else if (NO_LENGTH.includes(marker)) at += 2
    else {
      const bits = start[at + 4]
      if (frames[marker]) return `${frames[marker]} of ${bits} bits`
      const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
      if (isFrame) return bits === 8 ? undefined : `JPEG of ${bits} bits`
      at += 2 + 256 * start[at + 2] + start[at + 3]
    }
  }
  return undefined
}
