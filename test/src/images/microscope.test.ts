import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { countPages, parsePixelSize, readMicrograph } from '../../../src/images/micrograph'
import { UserError } from '../../../src/host/errors'
import { put, refusal, scratch } from '../../support/files'
import { picture, tiffFile, type Page, type Tag } from '../../support/tiff-files'

const folder = scratch()
const [width, height] = [100, 80]
// noise without any flat part, so that nothing looks like an info bar
const noise = Uint8Array.from({ length: width * height }, (_, i) => (i * 7919 + (i >> 3) * 104729) % 251)

let files = 0
const tiff = (tags: Tag[], more: Partial<Page> = {}, options = {}) =>
  put(
    join(folder, `${++files}.tif`),
    tiffFile([{ tags: [...picture(width, height, 8), ...tags], data: [noise], ...more }], options),
  )
const text = (tag: number, values: string): Tag => ({ tag, values })
const sizeOf = async (path: string) => (await readMicrograph(path)).pixelSize

const fei = (extra = '', scan = 'PixelWidth=2.5e-009\r\nPixelHeight=2.5e-009') =>
  `[User]\r\nDate=01/02/2023\r\n[Scan]\r\nInternalScan=true\r\n${scan}\r\n${extra}`
const zeiss = (value: string, store = `${width} * ${height}`) =>
  `\r\n0\r\n0\r\nAP_PIXEL_SIZE\r\nPixel Size = 99 nm\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = ${value}\r\nDP_IMAGE_STORE\r\nStore resolution = ${store}\r\n`

test('pixel sizes as users write them', () => {
  const cases: [string, number][] = [
    ['12nm', 1.2e-8],
    ['0.5 um', 5e-7],
    ['.5µm', 5e-7],
    ['0.5μm', 5e-7],
    ['3 Å', 3e-10],
    ['3 A\u030a', 3e-10],
    ['120 pm', 1.2e-10],
    ['1e-3mm', 1e-6],
    ['2.5e-9 m', 2.5e-9],
    [' 12 NM/px ', 1.2e-8],
    ['1mm', 1e-3],
    ['1pm', 1e-12],
  ]
  for (const [given, metres] of cases) assert.equal(parsePixelSize(given), { metres, from: '--pixel-size' }, given)
  const refused: [string, RegExp][] = [
    ['12', /with its unit/],
    ['nm', /with its unit/],
    ['', /with its unit/],
    ['12 px', /with its unit/],
    ['0,5um', /with its unit/],
    ['12constructor', /with its unit/],
    ['2m', /between 1 pm and 1 mm/],
    ['0nm', /between/],
    ['-3nm', /between/],
    ['0.5pm', /between/],
    ['1e999nm', /between/],
  ]
  for (const [given, reason] of refused)
    assert.throws(
      () => parsePixelSize(given),
      (error: Error) => error instanceof UserError && reason.test(error.message),
      given,
    )
})

test('the tags of FEI, Zeiss, TESCAN, Phenom, JEOL and ImageJ, in every byte order', async () => {
  const micro = (description: string, x: number[], y = x) => [
    text(270, description),
    { tag: 282, type: 5, values: x },
    { tag: 283, type: 5, values: y },
  ]
  const note = '$CM_FORMAT JEOL/SEM\r\n$CM_PIXEL_SIZE 9.5nm 9.5nm\r\n'
  const cases: [Tag[], number, string, Partial<Page>?][] = [
    [[text(34682, fei())], 2.5e-9, 'FEI tag 34682'],
    [[text(34680, fei('', 'PixelWidth=3e-8'))], 3e-8, 'FEI tag 34680'],
    [[text(34682, '[EScan]\r\nPixelWidth=4e-9\r\nPixelHeight=4e-9')], 4e-9, 'FEI tag 34682'],
    [[text(34118, zeiss('2.698 nm'))], 2.698e-9, 'Zeiss tag 34118'],
    [[text(34118, zeiss('1.5 \xb5m'))], 1.5e-6, 'Zeiss tag 34118'],
    [[text(34118, zeiss('558.2 pm'))], 558.2e-12, 'Zeiss tag 34118'],
    [[text(50431, '\x01\x02AccFrames=1\nPixelSizeX=6e-9\nPixelSizeY=6e-9\n')], 6e-9, 'TESCAN tag 50431'],
    [
      [
        text(
          34683,
          '<FeiImage><pixelWidth unit="um">0.0125</pixelWidth><pixelHeight unit="um">0.0125</pixelHeight></FeiImage>',
        ),
      ],
      1.25e-8,
      'Phenom tag 34683',
    ],
    [[], 9.5e-9, 'JEOL MakerNote', { exif: [{ tag: 37500, values: Buffer.from(note, 'latin1') }] }],
    [micro('ImageJ=1.53t\nunit=nm\n', [1, 4]), 4e-9, 'ImageJ description'],
    [micro('ImageJ=1.53t\nunit=\\u00B5m\n', [20000000, 1000000]), 5e-8, 'ImageJ description'],
    [micro('ImageJ=1.53t\nunit=micron\n', [20000000, 1000000]), 5e-8, 'ImageJ description'],
  ]
  const utf8 = (value: string) => Buffer.from(value, 'utf8').toString('latin1')
  const ome = (attributes: string) =>
    text(270, utf8(`<?xml version="1.0"?><OME><Image><Pixels SizeX="${width}" ${attributes}/></Image></OME>`))
  cases.push(
    [[ome('PhysicalSizeX="0.0125" PhysicalSizeY="0.0125"')], 1.25e-8, 'OME description'],
    [
      [ome('PhysicalSizeX="4" PhysicalSizeXUnit="nm" PhysicalSizeY="4" PhysicalSizeYUnit="nm"')],
      4e-9,
      'OME description',
    ],
    [[ome('PhysicalSizeX="2" PhysicalSizeXUnit="µm"')], 2e-6, 'OME description'],
    [micro(utf8('ImageJ=1.53t\nunit=µm\n'), [20000000, 1000000]), 5e-8, 'ImageJ description'],
    [
      [
        text(65003, 'nm'),
        text(65004, 'nm'),
        { tag: 65009, type: 12, values: [0.125] },
        { tag: 65010, type: 12, values: [0.125] },
      ],
      1.25e-10,
      'Gatan tag 65009',
    ],
  )
  for (const [tags, metres, from, more] of cases)
    for (const options of [{}, { bigEndian: true }, { big: true }, { big: true, bigEndian: true }]) {
      const found = await sizeOf(tiff(tags, more, options))
      assert.is(found?.from, from)
      assert.ok(Math.abs(found!.metres / metres - 1) < 1e-9, `${from}: ${found!.metres}`)
    }
})

test('text files beside the picture: JEOL old and new, Hitachi, TESCAN', async () => {
  const jeol = `$CM_FORMAT JEOL/SEM\r\n$CM_MAG 10000\r\n$CM_FULL_SIZE ${width} 60\r\n$$SM_MICRON_BAR 120\r\n$$SM_MICRON_MARKER 1um\r\n`
  const newer = `$CM_IMAGE_SIZE ${width} 60\n$CM_PIXEL_SIZE 8.333\x83\xcam 8.333\x83\xcam\n$SM_PNU_HEIGHT 20\n`
  const hitachi = `[SemImageFile]\r\nInstructName=SU70\r\nDataSize=${width}x${height}\r\nPixelSize=24.8\r\n`
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(hitachi, 'utf16le')])
  const cases: [string, string | Buffer, number, string, number][] = [
    ['.txt', jeol, 1e-6 / 120, 'JEOL text file', 20],
    ['.TXT', Buffer.from(jeol.replace('1um', '1\xb5m'), 'latin1'), 1e-6 / 120, 'JEOL text file', 20],
    ['.txt', Buffer.from(newer, 'latin1'), 8.333e-6, 'JEOL text file', 20],
    ['.txt', hitachi, 24.8e-9, 'Hitachi text file', 0],
    ['.txt', utf16, 24.8e-9, 'Hitachi text file', 0],
    [
      '-tif.hdr',
      '[MAIN]\nDate=2020\nPixelSizeX=1.6e-8\nPixelSizeY=1.6e-8\n[SEM]\nHV=5000\n',
      1.6e-8,
      'TESCAN header file',
      0,
    ],
  ]
  for (const [ending, content, metres, from, cut] of cases) {
    const path = tiff([])
    put(path.replace(/\.tif$/, ending), content)
    const { pixelSize, croppedBottom, image } = await readMicrograph(path)
    assert.is(pixelSize?.from, from)
    assert.ok(Math.abs(pixelSize!.metres / metres - 1) < 1e-9)
    assert.equal([croppedBottom, image.height], [cut, height - cut])
  }
  const other = tiff([])
  put(other.replace(/\.tif$/, '.txt'), 'notes of mine: PixelSize=3')
  assert.is(await sizeOf(other), null)
})

const thermo = (x: string, y = x, unit = 'm') =>
  `<?xml version="1.0"?><nil:Metadata xmlns:nil="http://schemas.fei.com/Metadata/v1/2013/07"><nil:Core/><nil:BinaryResult><nil:PixelSize>` +
  `<nil:X unit="${unit}" unitPrefixPower="1">${x}</nil:X><nil:Y unit="${unit}">${y}</nil:Y></nil:PixelSize></nil:BinaryResult></nil:Metadata>`
const epu = (x: string, y = x) =>
  `<MicroscopeImage xmlns="http://schemas.datacontract.org/2004/07/Fei.SharedObjects" xmlns:i="x"><name>a</name><SpatialScale><pixelSize>` +
  `<x><numericValue>${x}</numericValue><unit><symbol>m</symbol></unit></x><y><numericValue>${y}</numericValue></y></pixelSize></SpatialScale></MicroscopeImage>`

test('XML of Thermo Fisher, in a tag and beside the picture; other XML is not read', async () => {
  const at = async (xml: string, name: (stem: string) => string) => {
    const path = tiff([])
    put(name(path.replace(/\.tif$/, '')), xml)
    const { pixelSize, remarks } = await readMicrograph(path)
    return { metres: pixelSize?.metres, from: pixelSize?.from, remarks: remarks.join() }
  }
  const beside = (xml: string) => at(xml, (stem) => `${stem}.xml`)
  const from = 'Thermo Fisher XML file'
  assert.equal(await beside(thermo('2.5e-9')), { metres: 2.5e-9, from, remarks: '' })
  assert.equal(await beside(epu('1.05E-10')), { metres: 1.05e-10, from, remarks: '' })
  assert.equal(await at(epu('1e-9'), (stem) => `${stem}.tif.xml`), { metres: 1e-9, from, remarks: '' })
  assert.equal(await sizeOf(tiff([text(34683, thermo('4e-9'))])), { metres: 4e-9, from: 'Thermo Fisher tag 34683' })
  assert.ok(Math.abs((await beside(thermo('3', '3', 'nm'))).metres! - 3e-9) < 1e-20)
  assert.match((await beside(thermo('1e-9', '2e-9'))).remarks, /not square/)
  assert.match((await beside(thermo('1.234,5'))).remarks, /not certain/)
  assert.is((await beside(thermo('4e8', '4e8', '1/m'))).metres, undefined, 'of a diffraction pattern')
  const nothing = { metres: undefined, from: undefined, remarks: '' }
  assert.equal(await beside('<annotation><pixelSize><x>1e-9</x></pixelSize></annotation>'), nothing)
  assert.equal(await beside(epu('1e-9').replace(/<SpatialScale>.*<.SpatialScale>/, '')), nothing)
  // texts made to keep expressions busy
  await beside(`${thermo('').slice(0, 200)}${'<pixelSiz'.repeat(90_000)}`)
  await beside(`${epu('').slice(0, 150)}<pixelSize><x ${'a '.repeat(400_000)}`)
})

test('decimal commas are read; what is not certain is not used, with a remark', async () => {
  const certain: [Tag, number][] = [
    [text(34682, fei('', 'PixelWidth=1,35E-09\nPixelHeight=1,35E-09')), 1.35e-9],
    [text(34682, '[EScan]\nPixelWidth=1,35e-9\n'), 1.35e-9],
    [text(34118, zeiss('2,698 nm')), 2.698e-9],
    [text(34118, zeiss(',5 \xb5m')), 5e-7],
    [text(50431, 'PixelSizeX=6,25e-9\nPixelSizeY=6,25e-9\n'), 6.25e-9],
    [text(34683, '<FeiImage><pixelWidth unit="um">0,0125</pixelWidth></FeiImage>'), 1.25e-8],
    [text(270, `<OME><Pixels SizeX="${width}" PhysicalSizeX="0,0125"/></OME>`), 1.25e-8],
  ]
  for (const [tag, metres] of certain) {
    const found = (await sizeOf(tiff([tag])))?.metres ?? 0
    assert.ok(Math.abs(found / metres - 1) < 1e-9, `${tag.values}: ${found}`)
  }
  const unclear: Tag[] = [
    text(34682, fei('', 'PixelWidth=1.234,5\nPixelHeight=1.234,5')),
    text(34682, fei('', 'PixelWidth=1e-9\nPixelHeight=1;0e-9')),
    text(34118, zeiss('1,234,5 nm')),
    text(34118, zeiss('2.698')),
    text(50431, 'PixelSizeX=6.0.0e-9\n'),
    text(34683, '<FeiImage><pixelWidth unit="px">12</pixelWidth></FeiImage>'),
  ]
  for (const tag of unclear) {
    const { pixelSize, remarks } = await readMicrograph(tiff([tag]))
    assert.is(pixelSize, null)
    assert.match(remarks.join(), /cannot be read: its pixel size ".*" is not certain; it is not used/, `${tag.values}`)
  }
  const jeol = (bar: string, marker: string) =>
    `$CM_FORMAT JEOL/EO\n$CM_FULL_SIZE ${width} 60\n$$SM_MICRON_BAR ${bar}\n$$SM_MICRON_MARKER ${marker}\n`
  const size = (pair: string) => `$CM_FORMAT JEOL/EO\n$CM_PIXEL_SIZE ${pair}\n`
  const beside: [string, number | null][] = [
    [jeol('40', '0,5um'), 1.25e-8],
    [jeol('40', '0.5 um'), 1.25e-8],
    [jeol('62,5', '100nm'), 1.6e-9],
    [jeol('40', '5'), null],
    [jeol('none', '1um'), null],
    [jeol('0', '1um'), null],
    [size('9,5nm 9,5nm'), 9.5e-9],
    [size('9.5nm, 9.5nm'), 9.5e-9],
    [size('9.5nm,9.5nm'), 9.5e-9],
    [size('9,5 nm 9,5 nm'), 9.5e-9],
    [`[SemImageFile]\nDataSize=${width}x${height}\nPixelSize=9,92\n`, 9.92e-9],
    [`[SemImageFile]\nDataSize=${width}x${height}\nPixelSize=9,92,1\n`, null],
  ]
  for (const [content, metres] of beside) {
    const path = tiff([])
    put(path.replace(/\.tif$/, '.txt'), content)
    const { pixelSize, remarks } = await readMicrograph(path)
    if (metres === null) assert.match(remarks.join(), /text file cannot be read/, content)
    else assert.ok(Math.abs((pixelSize?.metres ?? 0) / metres - 1) < 1e-9, `${content}: ${pixelSize?.metres}`)
  }
})

test('units written out, escaped, or of the other axis; what is no known unit is not used, with a remark', async () => {
  const imagej = (lines: string, perUnit = 4) =>
    readMicrograph(
      tiff([
        text(270, `ImageJ=1.54f\n${lines}\n`),
        { tag: 282, type: 5, values: [perUnit, 1] },
        { tag: 283, type: 5, values: [perUnit, 1] },
      ]),
    )
  for (const unit of ['micrometer', 'micrometres', '\\u00B5m', '\\u03BCm', 'micron'])
    assert.is((await imagej(`unit=${unit}`)).pixelSize?.metres, 2.5e-7, unit)
  // some programs write UTF-8: the micro sign, the letter mu, the angstrom sign
  const utf8 = (unit: string) => Buffer.from(unit).toString('latin1')
  for (const unit of ['\u00b5m', '\u03bcm'])
    assert.is((await imagej(`unit=${utf8(unit)}`)).pixelSize?.metres, 2.5e-7, unit)
  assert.is((await imagej(`unit=${utf8('\u212b')}`)).pixelSize?.metres, 2.5e-11)
  assert.match((await imagej('unit=nm', 0)).remarks.join(), /it has a unit, but no number of pixels for one/)
  assert.is((await imagej('unit=nanometers')).pixelSize?.metres, 2.5e-10)
  assert.is((await imagej('unit=angstrom')).pixelSize?.metres, 2.5e-11)
  const other = await imagej('unit=um\nyunit=nm')
  assert.is(other.pixelSize, null)
  assert.match(other.remarks.join(), /not square/)
  for (const unit of ['inch', 'pixel', '']) {
    const { pixelSize, remarks } = await imagej(`unit=${unit}`)
    assert.equal([pixelSize, remarks], [null, []], unit)
  }
  assert.match(
    (await imagej('unit=furlong')).remarks.join(),
    /its unit "furlong" is not known; its pixel size is not used/,
  )
  const ome = (name: string, unit: string) =>
    sizeOf(
      tiff([
        text(
          270,
          `<${name}OME><${name}Pixels SizeX="${width}" PhysicalSizeX="0.25" PhysicalSizeXUnit="${unit}"/></${name}OME>`,
        ),
      ]),
    )
  for (const unit of ['&#181;m', '&#xB5;m', '&micro;m', 'um']) assert.is((await ome('', unit))?.metres, 2.5e-7, unit)
  assert.is((await ome('ome:', 'nm'))?.metres, 2.5e-10)
  const path = tiff([])
  put(path.replace(/\.tif$/, '.HDR'), '[MAIN]\nPixelSizeX=2.5e-9\nPixelSizeY=2.5e-9\n')
  assert.is((await sizeOf(path))?.metres, 2.5e-9)
})

test('a resolution that no printer has is said, not used', async () => {
  const resolution = (perUnit: number, unit: number) =>
    readMicrograph(
      tiff([
        { tag: 282, type: 5, values: [perUnit, 1] },
        { tag: 283, type: 5, values: [perUnit, 1] },
        { tag: 296, type: 3, values: [unit] },
      ]),
    )
  const { pixelSize, remarks } = await resolution(10_000_000, 3)
  assert.is(pixelSize, null)
  assert.match(remarks.join(), /10,000,000 pixels per centimetre.* 1 nm per pixel.*not used.*--pixel-size 1nm/)
  assert.match((await resolution(25_400_000, 2)).remarks.join(), /--pixel-size 1nm/)
  for (const [perUnit, unit] of [
    [300, 2],
    [118, 3],
    [10_000_000, 1],
  ])
    assert.equal((await resolution(perUnit, unit)).remarks, [], `${perUnit} per unit ${unit}`)
})

test('long tags made to keep expressions busy are read in no time', async () => {
  const digits = '1'.repeat(900_000)
  for (const [tag, values] of [
    [34118, `AP_IMAGE_PIXEL_SIZE\nx = ${digits}\n`],
    [34118, `DP_IMAGE_STORE\nx = ${digits}\n`],
    [270, `<OME>${'<Pixels '.repeat(110_000)}`],
    [34683, '<pixelWidth '.repeat(75_000)],
  ] as const) {
    // quadratic expressions take hours for these
    assert.is(await sizeOf(tiff([text(tag, values)])), null)
  }
  const path = tiff([])
  put(path.replace(/\.tif$/, '.hdr'), '\n'.repeat(900_000))
  assert.is(await sizeOf(path), null)
})

test('damaged tags are reported, and the image is read', async () => {
  for (const tags of [
    [{ tag: 34682, type: 2, values: new Uint8Array(50) }],
    [{ tag: 34665, values: [4_000_000_000] }],
  ] as Tag[][]) {
    const path = tiff(tags)
    if (tags[0].tag === 34682) {
      const file = readFileSync(path)
      const at = file.indexOf(Buffer.from([34682 & 255, 34682 >> 8, 2, 0, 50, 0, 0, 0]))
      file.writeUInt32LE(0xfffffff0, at + 8)
      put(path, file)
    }
    const { image, pixelSize, remarks } = await readMicrograph(path)
    assert.equal([image.width, pixelSize], [width, null])
    assert.match(remarks.join(), /cannot be read: .*beyond its end/)
  }
})

test('Phenom text in a JPEG', async () => {
  const jpeg = await sharp(noise, { raw: { width, height, channels: 1 } })
    .jpeg()
    .toBuffer()
  const xml =
    '<?xml version="1.0"?><FeiImage><databarHeight>0</databarHeight><pixelWidth unit="nm">26</pixelWidth></FeiImage>'
  const path = put(join(folder, 'phenom.jpg'), Buffer.concat([jpeg, Buffer.from(xml)]))
  assert.equal(await sizeOf(path), { metres: 2.6e-8, from: 'Phenom text in the JPEG' })
})

test('unreliable metadata give no pixel size, and the reason is reported', async () => {
  const dpi = [
    { tag: 282, type: 5, values: [300, 1] },
    { tag: 283, type: 5, values: [300, 1] },
    { tag: 296, type: 3, values: [2] },
  ]
  for (const tags of [
    [],
    dpi,
    [...dpi, text(270, 'ImageJ=1.53t\nunit=pixel\n')],
    [text(34682, 'no ini at all')],
    [text(34118, zeiss('none'))],
  ]) {
    const { pixelSize, remarks } = await readMicrograph(tiff(tags))
    assert.equal([pixelSize, remarks], [null, []])
  }
  const cases: [Tag, RegExp][] = [
    [text(34682, fei('', 'PixelWidth=1e-9\nPixelHeight=1.02e-9')), /FEI tag 34682: .*not square/],
    [text(34682, fei('', 'PixelWidth=2\nPixelHeight=2')), /not plausible for a micrograph/],
    [text(34682, fei('', 'PixelWidth=0\nPixelHeight=0')), /not plausible for a micrograph/],
    [text(34682, fei('[Image]\nResolutionX=1024\nResolutionY=884')), /1024 pixels wide, this one has 100/],
    [text(34118, zeiss('2 nm', '1024 * 768')), /Zeiss tag 34118: .*1024 pixels wide/],
  ]
  for (const [tag, reason] of cases) {
    const { pixelSize, remarks } = await readMicrograph(tiff([tag]))
    assert.is(pixelSize, null)
    assert.match(remarks.join(), reason)
  }
  // within 1 % they count as square
  assert.ok(await sizeOf(tiff([text(34682, fei('', 'PixelWidth=1e-9\nPixelHeight=1.005e-9'))])))
})

test("the user's pixel size overrides the tags, and an earlier tag a later one", async () => {
  const given = parsePixelSize('7nm')
  const path = tiff([text(34682, fei()), text(34118, zeiss('9 nm'))])
  assert.equal((await readMicrograph(path, { pixelSize: given })).pixelSize, given)
  assert.is((await sizeOf(path))?.metres, 2.5e-9)
  const doubtful = tiff([text(34682, fei('[Image]\nResolutionX=1024')), text(34118, zeiss('9 nm'))])
  assert.is((await sizeOf(doubtful))?.metres, 9e-9)
})

test('the recorded height determines the info bar; the crop option overrides it', async () => {
  const path = tiff([
    text(34682, fei(`[Image]\r\nResolutionX=${width}\r\nResolutionY=70\r\n[PrivateFei]\r\nDatabarHeight=10`)),
  ])
  const cutOf = async (crop?: 'auto' | 'none' | number) => {
    const { croppedBottom, image } = await readMicrograph(path, { crop })
    assert.equal([image.height, image.data.length], [height - croppedBottom, width * (height - croppedBottom)])
    assert.equal([...image.data.subarray(0, 300)], [...noise.subarray(0, 300)])
    return croppedBottom
  }
  assert.equal(
    [await cutOf(), await cutOf('auto'), await cutOf('none'), await cutOf(3), await cutOf(0)],
    [10, 10, 0, 3, 0],
  )
  assert.match(
    await refusal(readMicrograph(path, { crop: 80 })),
    /80 rows cannot be cut off at the bottom: the image has 80/,
  )
  assert.match(await refusal(readMicrograph(path, { crop: -1 })), /whole number/)
  assert.match(await refusal(readMicrograph(path, { crop: 1.5 })), /whole number/)
  // a bar's height alone is believed only where the rows look like one
  const alone = tiff([text(50431, 'PixelSizeX=1e-9\nPixelSizeY=1e-9\nImageStripSize=12')])
  assert.is((await readMicrograph(alone)).croppedBottom, 0)
  const flat = noise.map((v, i) => (i < width * (height - 12) ? v : i % 50 ? 20 : 220))
  const strip = tiff([text(50431, 'PixelSizeX=1e-9\nPixelSizeY=1e-9\nImageStripSize=12')], { data: [flat] })
  assert.is((await readMicrograph(strip)).croppedBottom, 12)
})

test('pages are counted, each with its own tags', async () => {
  const page = (nm: number): Page => ({
    tags: [...picture(width, height, 8), text(34682, fei('', `PixelWidth=${nm}e-9`))],
    data: [noise],
  })
  const path = put(join(folder, 'stack.tif'), tiffFile([page(1), page(2), page(3)]))
  assert.is(await countPages(path), 3)
  const { page: number, pages, pixelSize } = await readMicrograph(path, { page: 1 })
  assert.equal([number, pages, pixelSize?.metres], [1, 3, 2e-9])
  assert.is(
    await countPages(
      put(
        join(folder, 'x.jpg'),
        await sharp(noise, { raw: { width, height, channels: 1 } })
          .jpeg()
          .toBuffer(),
      ),
    ),
    1,
  )
  assert.match(await refusal(countPages(join(folder, 'none.tif'))), /there is no such file/)
})

test.run()
