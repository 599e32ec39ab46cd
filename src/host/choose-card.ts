/**
 * @file Gives each of several processes on a machine its own GPU. Dawn takes the first device that Vulkan shows, or the first whose name
 * contains a text, so equal cards can only be told apart by what Vulkan shows: Mesa's device selection layer, where it is installed,
 * hides all cards but the one whose place on the PCI bus is named by the environment. It works with the drivers of every vendor.
 */
import { listVulkanDevices, type VulkanDevice } from './vulkan-devices'

type Environment = Record<string, string | undefined>

/** The card that a process computes on. */
export interface CardChoice {
  card: VulkanDevice
  /** The number of cards that it was chosen from. */
  of: number
  /** False if the process cannot be kept from computing on the first of them. */
  chosen: boolean
}

/** What hides all other cards, if the layer is there: it is read each time that devices are listed. */
const onlyThis = ({ pci }: VulkanDevice): Record<string, string> => ({
  DRI_PRIME: `pci-${pci!.replace(/[:.]/g, '_')}`,
  MESA_VK_DEVICE_SELECT_FORCE_DEFAULT_DEVICE: '1',
})

/** Kinds of devices in the order in which Dawn prefers them. */
const KINDS = ['discrete', 'integrated', 'virtual', 'other'] as const

/** The devices among which the processes are divided: those of the best kind, or those that WGSAM_ADAPTER names. No processors. */
export function eligibleCards(devices: readonly VulkanDevice[], named = ''): VulkanDevice[] {
  const cards = devices.filter(({ type, name }) => type !== 'processor' && name.includes(named))
  const kind = KINDS.find((one) => cards.some(({ type }) => type === one))
  return cards.filter(({ type }) => named || type === kind)
}

/** Variables by which Slurm names the cards that a task may use, by their numbers in the order of the PCI bus, or by their UUIDs. */
const GRANTS = ['CUDA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES', 'GPU_DEVICE_ORDINAL'] as const

/**
 * The cards that a scheduler has given to this process. A cluster that does not hide the others from Vulkan only names them in the
 * environment. All cards, if nothing is named, or what is named cannot be found among them.
 */
export function grantedCards(cards: readonly VulkanDevice[], env: Environment): VulkanDevice[] {
  const named = env.SLURM_JOB_ID === undefined ? undefined : GRANTS.map((name) => env[name]).find((value) => value)
  if (!named || cards.some(({ pci }) => pci === null)) return [...cards]
  const ordered = [...cards].sort((a, b) => (a.pci! < b.pci! ? -1 : 1))
  const digits = (text: string) => text.replace(/^GPU-/i, '').replaceAll('-', '').toLowerCase()
  const found = named.split(',').map((one) => {
    const name = one.trim()
    return /^\d{1,3}$/.test(name) ? ordered[Number(name)] : cards.find(({ uuid }) => uuid === digits(name))
  })
  return found.every((card) => card !== undefined) ? found : [...cards]
}

/**
 * Chooses the card of a process that Slurm has started and MPI has not: as those of ranks, by its place among the tasks of the machine.
 * Does nothing without Slurm.
 */
export async function chooseCardOfTask(env: Environment = process.env): Promise<void> {
  if (env.SLURM_JOB_ID !== undefined) await chooseCard(Number(env.SLURM_LOCALID ?? 0) || 0, env)
}

/**
 * Chooses the card of a process before its first WebGPU adapter is requested, by setting variables of its environment. Nothing is set
 * where only one card is shown, or where the user has chosen by DRI_PRIME or MESA_VK_DEVICE_SELECT.
 * @param place of this process among those of the machine: place 1 takes the second card that it may use, and so on, from the first again
 * @returns null if there are no cards, or it cannot be known
 */
export async function chooseCard(
  place: number,
  env: Environment = process.env,
  list: () => Promise<VulkanDevice[] | null> = listVulkanDevices,
): Promise<CardChoice | null> {
  const devices = (await list()) ?? []
  const shownCards = eligibleCards(devices, env.WGSAM_ADAPTER)
  if (!shownCards.length) return null
  const [first] = shownCards
  const of = shownCards.length
  if (of === 1) return { card: first, of, chosen: true }
  if (env.DRI_PRIME || env.MESA_VK_DEVICE_SELECT) return { card: first, of, chosen: true }
  const cards = grantedCards(shownCards, env)
  const card = cards[place % cards.length]
  if (card.pci) {
    const settings = onlyThis(card)
    Object.assign(env, settings)
    const shown = eligibleCards((await list()) ?? [], env.WGSAM_ADAPTER)
    if (shown.length === 1 && shown[0].uuid === card.uuid) return { card, of, chosen: true }
    for (const name of Object.keys(settings)) delete env[name]
  }
  // a name that no other device contains tells it apart without the layer
  if (devices.filter(({ name }) => name.includes(card.name)).length === 1) {
    env.WGSAM_ADAPTER = card.name
    return { card, of, chosen: true }
  }
  return { card: first, of, chosen: false }
}
