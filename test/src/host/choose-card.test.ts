/** @file Tests src/host/choose-card.ts and vulkan-devices.ts, the latter with a driver that shows three equal cards. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseCard, chooseCardOfTask, eligibleCards, grantedCards } from '../../../src/host/choose-card'
import { listVulkanDevices, type VulkanDevice } from '../../../src/host/vulkan-devices'
import { scratch } from '../../support/files'
import { testNeeding } from '../../support/needs'

if (process.argv[2] === 'child') {
  const devices = await listVulkanDevices()
  // a task of Slurm takes its place from the environment
  const slurm = process.env.SLURM_JOB_ID !== undefined
  const choice = slurm ? await chooseCardOfTask() : await chooseCard(Number(process.argv[3]))
  const shown = await listVulkanDevices()
  console.log(JSON.stringify({ devices, choice, shown, prime: process.env.DRI_PRIME ?? null }))
  process.exit(0)
}

const device = (over: Partial<VulkanDevice>): VulkanDevice => ({
  ...{ name: 'Card', type: 'discrete', pci: '0000:41:00.0', uuid: '1' },
  ...over,
})
const [first, second] = [device({}), device({ pci: '0000:81:00.0', uuid: '2' })]
const processor = device({ name: 'llvmpipe', type: 'processor', pci: null, uuid: '9' })

/** Vulkan with Mesa's layer, or without it. */
const vulkan = (devices: VulkanDevice[], env: Record<string, string | undefined>, layer: boolean) => async () =>
  layer && env.DRI_PRIME ? devices.filter(({ pci }) => env.DRI_PRIME === `pci-${pci?.replace(/[:.]/g, '_')}`) : devices

async function choose(devices: VulkanDevice[], place: number, layer = true, env: Record<string, string> = {}) {
  const choice = await chooseCard(place, env, vulkan(devices, env, layer))
  return { choice, env }
}

test('each place takes another of the equal cards, and the first again after the last', async () => {
  const places = [0, 1, 2].map((place) => choose([first, second, processor], place))
  const chosen = await Promise.all(places)
  assert.equal(
    chosen.map(({ choice }) => [choice!.card.uuid, choice!.of, choice!.chosen]),
    [
      ['1', 2, true],
      ['2', 2, true],
      ['1', 2, true],
    ],
  )
  assert.is(chosen[1].env.DRI_PRIME, 'pci-0000_81_00_0')
})

test('without the layer only cards of different names can be told apart', async () => {
  const { choice, env } = await choose([first, second], 1, false)
  assert.equal(choice, { card: first, of: 2, chosen: false })
  assert.equal(env, {})
  const other = await choose([first, device({ name: 'Other', uuid: '3', pci: null })], 1, false)
  assert.is(other.choice!.card.uuid, '3')
  assert.equal(other.env, { WGSAM_ADAPTER: 'Other' })
  // "Card" is also a part of the other's name
  assert.not((await choose([device({ name: 'Card Pro', uuid: '4' }), first], 1, false)).choice!.chosen)
})

test('one card, a processor, no Vulkan, and a choice of the user are left as they are', async () => {
  assert.equal((await choose([first, processor], 3)).env, {})
  assert.is((await choose([processor], 1)).choice, null)
  assert.is(await chooseCard(1, {}, async () => null), null)
  const given = await choose([first, second], 1, false, { DRI_PRIME: 'pci-0000_41_00_0' })
  assert.is(given.choice!.card.uuid, '1')
  assert.equal(given.env, { DRI_PRIME: 'pci-0000_41_00_0' })
})

test('cards of the best kind are eligible, or those that are named', () => {
  const integrated = device({ name: 'Chip', type: 'integrated', uuid: '5' })
  assert.equal(eligibleCards([integrated, first, processor]), [first])
  assert.equal(eligibleCards([integrated, processor]), [integrated])
  assert.equal(eligibleCards([integrated, first, second], 'Chip'), [integrated])
})

test('under Slurm the cards that it names are divided, by their order on the bus or their UUIDs', async () => {
  const third = device({ pci: '0000:c1:00.0', uuid: '0123456789abcdef0123456789abcdef' })
  const shown = [third, first, second] // Vulkan's order is another
  const granted = (env: Record<string, string>) => grantedCards(shown, { SLURM_JOB_ID: '7', ...env })
  assert.equal(granted({ CUDA_VISIBLE_DEVICES: '2,1' }), [third, second])
  assert.equal(granted({ CUDA_VISIBLE_DEVICES: 'GPU-01234567-89ab-cdef-0123-456789abcdef' }), [third])
  assert.equal(granted({ ROCR_VISIBLE_DEVICES: '0' }), [first])
  assert.equal(granted({ GPU_DEVICE_ORDINAL: '1' }), [second])
  // numbers of another machine's cards, no card, text, and none named
  for (const value of ['3', 'NoDevFiles', 'GPU-ff', '']) assert.equal(granted({ CUDA_VISIBLE_DEVICES: value }), shown)
  // outside of Slurm the variable is CUDA's alone
  assert.equal(grantedCards(shown, { CUDA_VISIBLE_DEVICES: '1' }), shown)
  const env = { SLURM_JOB_ID: '7', CUDA_VISIBLE_DEVICES: '1,2' }
  const places = [0, 1, 2].map(async (place) => (await choose(shown, place, true, { ...env })).choice!.card)
  assert.equal(await Promise.all(places), [second, third, second])
})

const layer = '/usr/share/vulkan/implicit_layer.d/VkLayer_MESA_device_select.json'
const able = process.platform === 'linux' && existsSync(layer) && spawnSync('cc', ['--version']).status === 0
const missing = able ? null : 'there is no C compiler, or no device selection layer of Mesa'
testNeeding('platform', missing)('three equal cards of a driver: each place is shown only its own', () => {
  const folder = scratch()
  const [library, manifest] = [join(folder, 'libequal.so'), join(folder, 'equal.json')]
  execFileSync('cc', ['-shared', '-fPIC', '-w', '-o', library, join('test', 'support', 'equal-cards.c')])
  const icd = { file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.3.0' } }
  writeFileSync(manifest, JSON.stringify(icd))
  const show = (place: number, env: Record<string, string> = {}) => {
    const { DRI_PRIME: _, MESA_VK_DEVICE_SELECT: __, WGSAM_ADAPTER: ___, ...rest } = process.env
    const words = ['--enable-source-maps', fileURLToPath(import.meta.url), 'child', String(place)]
    const drivers = { VK_DRIVER_FILES: manifest, VK_ICD_FILENAMES: manifest }
    return JSON.parse(execFileSync(process.execPath, words, { env: { ...rest, ...drivers, ...env } }).toString())
  }
  const { devices } = show(0)
  assert.equal(
    devices.map(({ name, type, pci }: VulkanDevice) => [name, type, pci]),
    ['41', '81', 'c1'].map((bus) => ['Equal Card', 'discrete', `0000:${bus}:00.0`]),
  )
  assert.is(new Set(devices.map(({ uuid }: VulkanDevice) => uuid)).size, 3)
  for (const place of [0, 1, 2]) {
    const { shown, choice, prime } = show(place)
    assert.equal(shown, [devices[place]])
    assert.equal(choice, { card: devices[place], of: 3, chosen: true })
    assert.is(prime, `pci-0000_${['41', '81', 'c1'][place]}_00_0`)
  }
  // tasks of srun without MPI, and a single process to which Slurm has given the last card
  const task = (env: Record<string, string>) => show(0, { SLURM_JOB_ID: '7', ...env }).shown
  for (const place of [0, 1, 2]) assert.equal(task({ SLURM_LOCALID: String(place) }), [devices[place]])
  assert.equal(task({ SLURM_LOCALID: '0', CUDA_VISIBLE_DEVICES: '2', GPU_DEVICE_ORDINAL: '2' }), [devices[2]])
  assert.equal(task({ SLURM_LOCALID: '1', CUDA_VISIBLE_DEVICES: '1,2' }), [devices[2]])
  const without = show(1, { NODEVICE_SELECT: '1' })
  assert.is(without.shown.length, 3)
  assert.not(without.choice.chosen)
  assert.is(without.prime, null)
})

test.run()
