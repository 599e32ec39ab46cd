/** @file `wgsam measure` on the command line: inputs, outputs and units. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as measure } from '../../../src/commands/measure'
import { parseCsv } from '../../../src/text/csv'
import { writeLabelTiff } from '../../../src/images/label-tiff-writer'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import { png16, png8, put, refusal, scratch } from '../../support/files'
import { writeRoi } from '../../../src/dataset/formats/imagej-roi'
import { zipOf } from '../../../src/host/zip-writer'
import { discs, pair, run } from '../../support/dataset-folders'
import { made, square, writeImage } from '../../support/review'

const quick = ['--resamples', '50']
const read = (out: string, name: string) => readFileSync(join(out, name), 'utf8')
const rowsOf = (out: string, name = 'particles.csv') => parseCsv(read(out, name))
const nearly = (text: string, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(Number(text) - expected) <= tolerance * Math.abs(expected), `${text}, expected ${expected}`)

const labels = discs(40, 30, [
  { x: 12, y: 12, r: 5, id: 3 },
  { x: 28, y: 18, r: 8, id: 9 },
  { x: 0, y: 29, r: 4, id: 12 },
])
const areas = [3, 9, 12].map((id) => labels.filter((label) => label === id).length)

test('a dataset with a pixel size: lengths in its unit, areas in its square', async () => {
  const folder = scratch()
  await pair(folder, 'a', labels)
  await pair(folder, 'b', labels, { seed: 2 })
  const out = join(folder, 'out')
  const { code, out: printed } = await run(measure, folder, '--pixel-size', '20nm', '--out', out, ...quick)
  assert.is(code, 0)
  assert.match(printed, 'equivalent circular diameter, nm')
  assert.match(printed, 'a pixel is 20 nm wide (--pixel-size)')
  assert.match(printed, 'left out: 2 of 6 particles, which touch the edge (--edges correct)')
  const rows = rowsOf(out)
  assert.equal(
    rows.map(({ image, particle }) => image + particle),
    ['a3', 'a9', 'a12', 'b3', 'b9', 'b12'],
  )
  rows.slice(0, 3).forEach((row, i) => {
    assert.is(row.area_px2, String(areas[i]))
    nearly(row.area_nm2, areas[i] * 400)
    const d = 20 * Math.sqrt((4 * areas[i]) / Math.PI)
    nearly(row.equivalent_diameter_nm, d)
    assert.is(row.edge, i === 2 ? '1' : '0')
    assert.is(row.left_out, i === 2 ? 'edge' : '')
    const side = [11, 17][i]
    const weight = i === 2 ? 0 : (40 * 30) / ((39 - side) * (29 - side))
    if (weight) nearly(row.number_weight, weight)
    else assert.is(row.number_weight, '0')
    if (weight) nearly(row.volume_weight_nm3, weight * (Math.PI / 6) * d ** 3)
    nearly(row.pixel_size_nm, 20)
  })
  assert.is(rows[0].x_px, '12.5')
  const distance = 20 * Math.hypot(16, 6)
  nearly(rows[0].nearest_distance_nm, distance)
  assert.is(rows[0].nearest_particle, '9')
  const summary = rowsOf(out, 'summary.csv')
  assert.equal(
    summary.map(({ level, name, weighting }) => [level, name, weighting].join()),
    [
      ...['image,a,number', 'image,a,area', 'image,a,volume'],
      ...['image,b,number', 'image,b,area', 'image,b,volume'],
      ...['all,all images,number', 'all,all images,area', 'all,all images,volume'],
    ],
  )
  const all = summary[6]
  assert.equal([all.images, all.particles, all.edge, all.left_out_edge, all.counted], ['2', '6', '2', '2', '4'])
  nearly(all.coverage, areas.reduce((a, b) => a + b) / 1200)
  const weights = rows.reduce((sum, { number_weight }) => sum + Number(number_weight), 0)
  nearly(all.density_per_um2, (1e6 * weights) / (2 * 1200 * 400), 1e-5)
  const json = JSON.parse(read(out, 'summary.json'))
  assert.equal([json.unit, json.images[0].pixelSize.from, json.images[0].particles], ['nm', '--pixel-size', 3])
  assert.equal(readdirSync(out).sort(), [
    'cumulative.svg',
    'histogram-area.svg',
    'histogram-number.svg',
    'histogram-volume.svg',
    'particles.csv',
    'percentiles.csv',
    'report.html',
    'shapes.csv',
    'sheet.html',
    'summary.csv',
    'summary.json',
  ])
})

test('without a pixel size everything is in pixels, and no other unit appears', async () => {
  const folder = scratch()
  await pair(folder, 'a', labels)
  const out = join(folder, 'out')
  const { out: printed } = await run(measure, folder, '--out', out, ...quick)
  assert.match(printed, 'equivalent circular diameter, px (no pixel size is known)')
  assert.match(printed, 'give the size of a pixel with --pixel-size 12nm')
  const headers = ['particles.csv', 'summary.csv'].map((name) => read(out, name).split('\n')[0])
  for (const header of headers) {
    assert.match(header, /_px/)
    assert.not.match(header, /_(nm|um|mm|m)\d?(,|$)/)
  }
  for (const name of readdirSync(out)) assert.not.match(read(out, name), /µm|micromet/)
  nearly(rowsOf(out)[0].equivalent_diameter_px, Math.sqrt((4 * areas[0]) / Math.PI))
})

test('pixel sizes from a column, for some images only, and the requested unit', async () => {
  const folder = scratch()
  await pair(folder, 'a', labels)
  await pair(folder, 'b', labels, { seed: 2 })
  const out = join(folder, 'out')
  put(join(folder, 'groups.csv'), 'name,group,pixel_size\na,x,2um\nb,x,\n')
  assert.match(await refusal(run(measure, folder, '--out', out, ...quick)), /1 of 2 images have no pixel size \(b\)/)
  assert.is(existsSync(out), false)
  await run(measure, folder, '--out', out, '--unit', 'px', ...quick)
  assert.ok('area_px2' in rowsOf(out)[0] && !('area_um2' in rowsOf(out)[0]))
  put(join(folder, 'groups.csv'), 'name,group,pixel_size\na,x,2um\nb,x,1um\n')
  await run(measure, folder, '--out', out, ...quick)
  const [one, , , other] = rowsOf(out)
  nearly(one.min_feret_um, 2 * Number(other.min_feret_um))
  await run(measure, folder, '--out', out, '--unit', 'nm', ...quick)
  nearly(rowsOf(out)[3].min_feret_nm, 1000 * Number(other.min_feret_um))
  assert.equal(
    rowsOf(out, 'summary.csv')
      .map(({ level, name }) => `${level} ${name}`)
      .filter((_, i) => i % 3 === 2),
    ['image a', 'image b', 'group x', 'all all images'],
  )
  put(join(folder, 'groups.csv'), 'name,pixel_size\na,2 parsec\n')
  assert.match(await refusal(run(measure, folder, '--out', out)), /groups\.csv, a: pixel_size takes a length/)
})

test('a project: proposals, then edited masks, then accepted ones only', async () => {
  const dir = scratch()
  for (const name of ['one', 'two']) await writeImage(dir, name, [square(4, 4, 10), square(30, 20, 6)])
  const out = join(dir, 'out')
  const ids = () => rowsOf(out).map(({ image, particle, area_px2 }) => `${image} ${particle} ${area_px2}`)
  const measured = async (...more: string[]) => {
    const result = await run(measure, dir, '--out', out, ...quick, ...more)
    return { ...result, from: JSON.parse(read(out, 'summary.json')).images.map(({ from }: { from: string }) => from) }
  }
  assert.equal((await measured()).from, ['proposals', 'proposals'])
  assert.equal(ids(), ['one 1 100', 'one 2 36', 'two 1 100', 'two 2 36'])
  // the model's part in the uncertainty, from its masks at two thresholds: their stability score is 0.95
  const model = () => JSON.parse(read(out, 'summary.json')).modelError
  const factor = Math.sqrt(0.95)
  assert.equal([model().from, model().particles], ['thresholds', 4])
  nearly(model().value, (1 - factor) / (1 + factor) / Math.sqrt(3))
  await measured('--model-error', '3')
  assert.equal([model().from, model().value], ['given', 0.03])
  await measured()
  const folder = await ReviewFolder.open(dir)
  const act = (base: number, action: Parameters<typeof folder.act>[1]['action']) =>
    folder.act('one', { window: 'w', base, action })
  await act(0, { type: 'edit', edit: { kind: 'redraw', remove: [2], add: [made(3, 'redraw', square(30, 20, 8))] } })
  await act(1, { type: 'state', state: 'accepted' })
  await folder.close()
  assert.equal((await measured()).from, ['review, accepted', 'proposals'])
  assert.equal(ids(), ['one 1 100', 'one 3 64', 'two 1 100', 'two 2 36'])
  const accepted = await measured('--accepted-only')
  assert.equal([accepted.code, accepted.from], [0, ['review, accepted']])
  assert.match(accepted.out, 'left out: 1 image (two: it is proposed, not accepted)')
})

test('COCO: overlapping masks measured completely, polygons and RLE, images beside it', async () => {
  const folder = scratch()
  const rle = { size: [20, 30], counts: [2 * 20 + 2, 6, 14, 6, 14, 6, 600 - 42 - 46] }
  const file = {
    images: [
      { id: 7, file_name: 'pic.png', width: 30, height: 20 },
      { id: 8, file_name: '../pic2.png', width: 30, height: 20 },
    ],
    annotations: [
      { image_id: 7, segmentation: [[10, 4, 20, 4, 20, 14, 10, 14]] },
      {
        image_id: 7,
        segmentation: [
          [15, 8, 25, 8, 25, 12, 15, 12],
          [15, 11, 16, 11, 16, 16, 15, 16],
        ],
      },
      { image_id: 7, segmentation: rle },
      { image_id: 7, segmentation: [[5, 5, 5.2, 5, 5.2, 5.2]] },
      { image_id: 7, iscrowd: 1, segmentation: rle },
    ],
  }
  const path = put(join(folder, 'coco of mine.json'), JSON.stringify(file))
  await png8(join(folder, 'images', 'pic.png'), 30, 20, new Uint8Array(600).fill(77))
  const out = join(folder, 'out')
  const { code, out: printed } = await run(measure, path, '--out', out, ...quick)
  assert.is(code, 0)
  assert.match(printed, 'pic: 1 annotation without a pixel is left out')
  assert.match(printed, 'pic: 1 crowd region is left out: it is no single particle')
  assert.match(printed, 'pic: masks overlap: 22 pixels are in more than one')
  const rows = rowsOf(out)
  assert.equal(
    rows.map(({ area_px2 }) => area_px2),
    ['100', '44', '18'],
  )
  assert.equal(
    rows.map(({ mean_gray, touching }) => mean_gray + touching),
    ['771', '771', '770'],
  )
  const all = rowsOf(out, 'summary.csv').find(({ level }) => level === 'all')!
  nearly(all.coverage, (100 + 44 + 18 - 22) / 1200)
})

test('label maps alone: one file, a folder, PNG and TIFF of one name; images elsewhere', async () => {
  const folder = scratch()
  const out = join(folder, 'out')
  await png16(join(folder, 'maps', 'a.png'), 40, 30, labels)
  await writeLabelTiff(join(folder, 'maps', 'a.tif'), { width: 40, height: 30, data: labels })
  await writeLabelTiff(join(folder, 'maps', 'b.tif'), { width: 40, height: 30, data: labels })
  await png8(join(folder, 'pictures', 'b.png'), 40, 30, new Uint8Array(1200).fill(9))
  await run(measure, join(folder, 'maps'), '--images', join(folder, 'pictures'), '--out', out, ...quick)
  assert.equal(
    rowsOf(out).map(({ image, mean_gray }) => image + mean_gray),
    ['a', 'a', 'a', 'b9', 'b9', 'b9'],
  )
  await run(measure, join(folder, 'maps', 'a.tif'), join(folder, 'maps', 'b.tif'), '--out', out, ...quick)
  assert.is(rowsOf(out).length, 6)
  const twice = run(measure, join(folder, 'maps', 'a.tif'), join(folder, 'maps', 'a.png'), '--out', out)
  assert.match(await refusal(twice), 'two images have the name a')
})

test('several folders are groups; the parts of a group are pooled', async () => {
  const [one, two] = [join(scratch(), 'first'), join(scratch(), 'second')]
  for (const folder of [one, two]) for (const stem of ['a', 'b']) await pair(folder, stem, labels)
  const out = join(one, 'out')
  await run(measure, one, two, '--out', out, ...quick)
  assert.equal(
    rowsOf(out, 'summary.csv')
      .filter(({ level }) => level === 'group')
      .map(({ name, images, counted }) => [name, images, counted].join()),
    ['first', 'second'].flatMap((name) => Array(3).fill(`${name},2,4`)),
  )
  assert.is(rowsOf(out)[0].image, 'first/a')
  assert.ok(existsSync(join(out, 'groups-number.svg')))
  assert.equal(Object.keys(rowsOf(out, 'groups.csv')[0]).slice(0, 3), ['group', 'compared_with', 'd50_ratio'])
})

test('a bad file is reported and the rest is measured; different sizes are an error', async () => {
  const folder = scratch()
  await pair(folder, 'good', labels)
  await pair(folder, 'other', labels)
  await png16(join(folder, 'masks', 'other.png'), 20, 30, new Uint16Array(600).fill(1))
  put(join(folder, 'masks', 'torn.png'), '\x89PNG is cut off')
  await png8(join(folder, 'images', 'torn.png'), 4, 4, new Uint8Array(16))
  await png8(join(folder, 'images', 'alone.png'), 4, 4, new Uint8Array(16))
  const out = join(folder, 'out')
  const { code, err } = await run(measure, folder, '--out', out, ...quick)
  assert.is(code, 1)
  assert.match(err, /torn: cannot read the image/)
  assert.match(err, /other: .*other\.png is 40x30, its labels 20x30/)
  assert.match(err, /alone: there is no label map of this name/)
  assert.equal(new Set(rowsOf(out).map(({ image }) => image)), new Set(['good']))
  assert.is(JSON.parse(read(out, 'summary.json')).unmeasured.length, 3)
  assert.match(read(out, 'report.html'), 'Not measured')
})

test('names that spreadsheets or browsers would execute', async () => {
  const folder = scratch()
  const names = ['=HYPERLINK(1)', '@a, "b"', '<img src=x onerror=alert(1)>']
  for (const name of names) await png16(join(folder, `${name}.png`), 40, 30, labels)
  const out = join(folder, 'out')
  await run(measure, folder, '--out', out, ...quick)
  assert.equal([...new Set(rowsOf(out).map(({ image }) => image))].sort(), [...names].sort())
  // in the file an apostrophe keeps a spreadsheet from running them; our reader takes it off again
  const text = read(out, 'particles.csv')
  for (const cell of ["'=HYPERLINK(1),", `"'@a, ""b""",`]) assert.match(text, `\n${cell}`)
  assert.not.match(read(out, 'report.html'), '<img')
})

test('empty maps, a particle that fills its image, single pixels: no invented numbers', async () => {
  const folder = scratch()
  await png16(join(folder, 'empty.png'), 8, 8, new Uint16Array(64))
  const out = join(folder, 'out')
  const none = await run(measure, folder, '--out', out, ...quick)
  assert.is(none.code, 0)
  assert.is(rowsOf(out).length, 0)
  assert.equal(readdirSync(out).sort(), [
    ...['particles.csv', 'percentiles.csv', 'report.html', 'shapes.csv', 'sheet.html', 'summary.csv', 'summary.json'],
  ])
  assert.equal([rowsOf(out, 'summary.csv')[0].d50_px, rowsOf(out, 'summary.csv')[0].coverage], ['', '0'])
  await png16(join(folder, 'full.png'), 8, 8, new Uint16Array(64).fill(5))
  await png16(join(folder, 'pixel.png'), 8, 8, new Uint16Array(64).fill(1, 20, 21))
  await run(measure, folder, '--out', out, '--edges', 'include', ...quick)
  const [full, pixel] = rowsOf(out)
  assert.equal([full.area_px2, full.edge, full.orientation_deg, full.solidity], ['64', '1', '', '1'])
  assert.equal([pixel.area_px2, pixel.min_feret_px, pixel.nearest_distance_px], ['1', '1', ''])
  const { out: printed } = await run(measure, folder, '--out', out, '--min-pixels', '2', ...quick)
  assert.match(printed, 'left out: 1 of 2 particles, which touch the edge')
  assert.match(printed, 'left out: 1 particle of fewer than 2 pixels')
  for (const name of readdirSync(out)) assert.not.match(read(out, name), /NaN|Infinity|undefined/)
})

test('a second run gives the same numbers', async () => {
  const folder = scratch()
  for (const stem of ['a', 'b', 'c', 'd', 'e', 'f']) await pair(folder, stem, labels)
  const [one, two] = ['one', 'two'].map((name) => join(folder, name))
  for (const out of [one, two]) await run(measure, folder, '--out', out, '--log', ...quick)
  for (const name of readdirSync(one)) assert.is(read(one, name), read(two, name), name)
  assert.is(rowsOf(one, 'summary.csv').at(-1)!.resampled, 'images')
})

test('a tilted stage and pixels that are not square: lengths as on the sample', async () => {
  const folder = scratch()
  // an ellipse 20 wide and 10 high is a disc of 20 seen at 60 degrees, or through pixels twice as high as wide
  const flat = new Uint16Array(60 * 40)
  for (let i = 0; i < flat.length; i++)
    if (((i % 60) + 0.5 - 30) ** 2 + 4 * (Math.floor(i / 60) + 0.5 - 20) ** 2 <= 100) flat[i] = 1
  await pair(folder, 'a', flat, { width: 60, height: 40 })
  const out = join(folder, 'out')
  for (const options of [
    ['--tilt', '60'],
    ['--pixel-size', '3nm', '--pixel-height', '6nm', '--unit', 'nm'],
  ]) {
    await run(measure, folder, ...options, '--out', out, ...quick)
    const [row] = rowsOf(out)
    const [unit, size] = options.length === 2 ? ['px', 1] : ['nm', 3]
    nearly(row[`equivalent_diameter_${unit}`], 20 * size, 0.03)
    nearly(row.aspect_ratio, 1, 0.06)
    const [image] = JSON.parse(read(out, 'summary.json')).images
    assert.equal([image.width, image.height], [60, 80])
  }
})

test('percentiles, mean diameters, shapes, sections and another method’s curve are in the files', async () => {
  const folder = scratch()
  const many = discs(
    200,
    150,
    Array.from({ length: 20 }, (_, i) => ({
      x: 20 + 38 * (i % 5),
      y: 18 + 36 * Math.floor(i / 5),
      r: 5 + (i % 7),
      id: i + 1,
    })),
  )
  await pair(folder, 'a', many, { width: 200, height: 150 })
  const curve = put(join(folder, 'laser.csv'), 'Size (µm);percent\n"0,1";0\n"0,5";50\n1;100\n')
  const out = join(folder, 'out')
  const { out: printed } = await run(
    ...([measure, folder, '--pixel-size', '50nm', '--percentiles', '90, 16,50', '--error', '1', '--sections'] as const),
    ...['--compare', curve, '--out', out, ...quick],
  )
  assert.match(printed, 'too few particles for ± 1 % at 95 %: 20 are counted, needed are')
  const percentiles = rowsOf(out, 'percentiles.csv')
  assert.equal(
    percentiles.map(({ weighting, percent_below }) => weighting[0] + percent_below),
    ['n16', 'n50', 'n90', 'a16', 'a50', 'a90', 'v16', 'v50', 'v90'],
  )
  const [summary] = rowsOf(out, 'summary.csv')
  nearly(summary.d50_nm, Number(percentiles[1].size_nm))
  const sizes = rowsOf(out).map((row) => ({ d: Number(row.equivalent_diameter_nm), w: Number(row.number_weight) }))
  const moment = (power: number) => sizes.reduce((sum, { d, w }) => sum + w * d ** power, 0)
  nearly(summary.d3_2_nm, moment(3) / moment(2), 1e-5)
  nearly(summary.d4_3_nm, moment(4) / moment(3), 1e-5)
  nearly(summary.specific_surface_per_nm, (6 * moment(2)) / moment(3), 1e-5)
  assert.ok(Number(summary.geometric_std) > 1)
  assert.equal(rowsOf(out, 'shapes.csv')[0].measure, 'circularity')
  const report = read(out, 'report.html')
  for (const heading of [
    'How many particles are needed',
    'Compared with laser',
    'Spheres from sections',
    'Uncertainty of D50',
    'Shapes',
  ])
    assert.match(report, `<h2>${heading}</h2>`)
  const json = JSON.parse(read(out, 'summary.json'))
  assert.is(json.uncertainty[0].sources.length, 4)
  assert.is(json.unfolded.spheres.length, 12)
})

test('regions of ImageJ beside their image', async () => {
  const folder = scratch()
  await pair(folder, 'a', labels)
  const polygon = [
    [2, 3],
    [12, 3],
    [12, 9],
    [2, 9],
  ].map(([x, y]) => [x, y] as [number, number])
  put(
    join(folder, 'images', 'a_RoiSet.zip'),
    zipOf([{ name: 'one.roi', bytes: writeRoi([{ outer: polygon, holes: [] }]) }]),
  )
  const out = join(folder, 'out')
  assert.is((await run(measure, join(folder, 'images', 'a_RoiSet.zip'), '--out', out, ...quick)).code, 0)
  const [row] = rowsOf(out)
  assert.equal([row.image, row.area_px2, row.extent], ['a', '60', '1'])
  const { code, err } = await run(
    measure,
    join(folder, 'images', 'a_RoiSet.zip'),
    '--images',
    join(folder, 'masks', '..', 'out'),
    '--out',
    join(folder, 'o2'),
  ).catch((error: Error) => ({ code: 1, err: error.message }))
  assert.is(code, 1)
  assert.match(err, /image/)
})

test('agglomerates: particles connected by touching', async () => {
  const folder = scratch()
  const data = new Uint16Array(40 * 30)
  // 1, 2 and 4 in a chain; 3 apart
  for (const [id, x] of [
    [1, 4],
    [2, 8],
    [4, 12],
    [3, 25],
  ])
    for (let y = 10; y < 16; y++) data.fill(id, y * 40 + x, y * 40 + x + 4)
  await pair(folder, 'a', data)
  const out = join(folder, 'out')
  await run(measure, folder, '--out', out, ...quick)
  assert.equal(
    rowsOf(out).map((row) => [row.particle, row.touching, row.agglomerate, row.agglomerate_size].join(' ')),
    [...['1 1 1 3', '2 2 1 3', '3 0 2 1', '4 1 1 3']],
  )
  const { contacts } = JSON.parse(read(out, 'summary.json'))
  assert.equal(contacts.coordination, [1, 2, 1])
  assert.is(contacts.meanCoordination, 1)
  assert.equal(contacts.agglomerates, { count: 1, particles: 3, meanSize: 3, largest: 3 })
  const report = read(out, 'report.html')
  assert.match(report, 'A particle touches 1 others on average; 1 particle of 4 particles (25.0 %) touches none.')
  assert.match(report, 'There is 1 agglomerate inside the images, of 3 particles: 3 each on average, 3 in the largest.')
})

test('without --out: in the project or dataset, beside label maps; another’s results are not replaced in silence', async () => {
  const folder = scratch()
  const particles = join(folder, 'particles')
  await pair(particles, 'a', labels)
  await png16(join(folder, 'maps', 'b.png'), 40, 30, labels)
  const results = () =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => /summary\.json$/.test(name))
  await run(measure, particles, ...quick)
  assert.equal(results(), [join('particles', 'measured', 'summary.json')])
  assert.equal(JSON.parse(read(join(particles, 'measured'), 'summary.json')).inputs, ['..'])
  await run(measure, join(folder, 'maps'), ...quick)
  await run(measure, join(folder, 'maps', 'b.png'), ...quick)
  assert.equal(results().sort(), [
    join('maps-measured', 'summary.json'),
    join('maps', 'b-measured', 'summary.json'),
    join('particles', 'measured', 'summary.json'),
  ])
  // the same input again replaces its results
  await run(measure, particles, '--min-pixels', '2', ...quick)
  // results of another input: refused if the folder was not named, said if it was
  const inside = join(particles, 'measured')
  await run(measure, join(folder, 'maps'), '--out', inside, ...quick)
  const refused = await refusal(run(measure, particles, ...quick))
  assert.match(
    refused,
    /measured holds the results of .*maps: choose another folder with --out, or replace them with --out/,
  )
  const { err } = await run(measure, particles, '--out', inside, ...quick)
  assert.match(err, /held the results of .*maps: they are replaced/)
})

test('invalid command lines are rejected', async () => {
  const folder = scratch()
  await pair(folder, 'a', labels)
  const refused = async (message: RegExp, ...argv: string[]) =>
    assert.match(await refusal(run(measure, ...argv)), message)
  await refused(/there is no file or folder/, join(folder, 'nowhere'))
  await refused(/--edges takes one of correct, exclude, include, got "cut"/, folder, '--edges', 'cut')
  await refused(/--unit takes/, folder, '--unit', 'inch')
  await refused(/--pixel-size takes a length/, folder, '--pixel-size', '12')
  await refused(/contradict/, folder, '--pixel-size', '12nm', '--unit', 'px')
  await refused(/--diameter takes/, folder, '--diameter', 'martin')
  await refused(/there is no group z, only a/, folder, '--group-by', '^.', '--reference', 'z')
  await refused(/--model-error/, folder, '--model-error', '80')
  await refused(/--level/, folder, '--level', '100')
  await refused(/there is no folder/, folder, '--images', join(folder, 'nowhere'))
  await refused(/not a regular expression/, folder, '--group-by', '(')
  await refused(/is a file, not a folder/, folder, '--out', join(folder, 'masks', 'a.png'))
  await refused(/holds no label maps/, scratch())
  await refused(/“0” is not a percentage/, folder, '--percentiles', '10,0')
  await refused(/--log and --linear contradict/, folder, '--log', '--linear')
  await refused(/--pixel-height needs --pixel-size/, folder, '--pixel-height', '3nm')
  await refused(/there is no file .*laser/, folder, '--compare', join(folder, 'laser.csv'))
  const curve = (text: string) => put(join(folder, 'curve.csv'), text)
  await refused(/names no unit of length/, folder, '--compare', curve('size,percent\n1,2\n'))
  await refused(/row 3 has "x" and "50"/, folder, '--compare', curve('size_um,percent\n1,2\nx,50\n'))
  await refused(/falls with the size/, folder, '--compare', curve('size_um,percent\n1,60\n2,50\n'))
  await refused(/does not reach 50 %/, folder, '--compare', curve('size_um,percent\n1,10\n2,20\n'))
  await refused(/needs the pixel size/, folder, '--compare', curve('size_um,percent\n1,10\n2,100\n'))
  const coloured = put(join(folder, 'no.json'), '{"images": 3}')
  await refused(/as COCO annotations/, coloured)
})

test.run()
